// What operators ask of the whole log, and what they do to much of it at once.

package import Doors
import EventLoop
package import Invocations
import Records

extension Host {
  package func errors(
    _ filter: ErrorFilter,
    then: @escaping @LoopActor (Result<[ErrorGroup], InspectionFault>) -> Void
  ) {
    let back = Handover(then)
    store.errors(filter) { back.give($0.mapError(InspectionFault.init)) }
  }

  package func chain(
    of id: InvocationID,
    then: @escaping @LoopActor (Result<InvocationChain, InspectionFault>) -> Void
  ) {
    let back = Handover(then)
    store.chain(of: id) { back.give($0.mapError(InspectionFault.init)) }
  }

  // MARK: Selections

  func select(
    _ filter: InvocationFilter, among selection: Selection,
    then: @escaping @LoopActor (Result<Page<InvocationID>, InspectionFault>) -> Void
  ) {
    let back = Handover(then)
    store.select(filter, among: selection) { back.give($0.mapError(InspectionFault.init)) }
  }

  func records(
    _ ids: [InvocationID],
    then: @escaping @LoopActor (Result<[InvocationRecord], InspectionFault>) -> Void
  ) {
    let back = Handover(then)
    store.records(ids) { back.give($0.mapError(InspectionFault.init)) }
  }

  package func count(
    _ filter: InvocationFilter, among selection: Selection,
    then: @escaping @LoopActor (Result<Int, InspectionFault>) -> Void
  ) {
    count(filter, among: selection, from: 0, then: then)
  }

  private func count(
    _ filter: InvocationFilter, among selection: Selection, from sum: Int,
    then: @escaping @LoopActor (Result<Int, InspectionFault>) -> Void
  ) {
    var page = filter
    page.limit = StoreLimits.selectedIDsMax
    select(page, among: selection) { [weak self] outcome in
      switch outcome {
      case .failure(let fault): then(.failure(fault))
      case .success(let found):
        let count = sum + found.items.count
        guard let next = found.next, let self else { return then(.success(count)) }
        page.before = next
        self.count(page, among: selection, from: count, then: then)
      }
    }
  }

  // MARK: Actions

  package func begin(
    _ wish: ActionWish, told: @escaping @LoopActor (OperatorAction) -> Void
  ) throws(ActionFault) {
    try actionDesk.begin(wish, told: told)
  }

  package func rehearse(
    _ wish: ActionWish,
    then: @escaping @LoopActor (Result<OperatorAction, InspectionFault>) -> Void
  ) {
    records(wish.ids) { [weak self] outcome in
      guard let self else { return }
      then(
        outcome.map { records in
          var action = OperatorAction(
            number: 0, verb: wish.verb, subject: wish.subject, by: wish.by, at: self.clocks.wall,
            filter: wish.fields, ids: wish.ids, options: wish.options)
          ActionRule(action).rehearse(records, &action)
          return action
        })
    }
  }

  package func abort(action number: Int, by name: String) -> Bool {
    actionDesk.abort(number, by: name)
  }

  package func lastAction(
    _ verb: OperatorAction.Verb, on subject: String,
    then: @escaping @LoopActor (Result<OperatorAction?, InspectionFault>) -> Void
  ) {
    let back = Handover(then)
    store.lastAction(verb, on: subject) { back.give($0.mapError(InspectionFault.init)) }
  }

  package func note(_ verb: OperatorAction.Verb, _ subject: String, by name: String) -> Int {
    actionDesk.note(verb, subject, by: name)
  }

  package func noteFailure(of number: Int, _ reason: String) {
    actionDesk.noteFailure(of: number, reason)
  }

  package func actions(
    before number: Int?, limit: Int,
    then: @escaping @LoopActor (Result<[OperatorAction], InspectionFault>) -> Void
  ) {
    let back = Handover<Result<[OperatorAction], InspectionFault>> { [weak self] outcome in
      // Those that run have come further than their last line.
      then(outcome.map { $0.map { self?.actionDesk.action($0.number) ?? $0 } })
    }
    store.actions(before: number, limit: limit) { back.give($0.mapError(InspectionFault.init)) }
  }

  package func action(
    _ number: Int, then: @escaping @LoopActor (Result<OperatorAction?, InspectionFault>) -> Void
  ) {
    if let running = actionDesk.action(number) { return then(.success(running)) }
    let back = Handover(then)
    store.action(number) { back.give($0.mapError(InspectionFault.init)) }
  }
}
