// The house: every room wired to the next, in the order in which an event walks through them.
//
//   a request, a message, an instant        FunctionDoor, ControlDoor, TimerDesk (EventSources)
//     → which function wants it             Router
//     → an obligation, on disk              Dispatcher.accept → RecordStore
//     → its turn, its permit                Dispatcher.pump
//     → a worker runs it                    ProcessWorkerPool → the handler
//     → what became of it, on disk          Dispatcher.hear → RecordStore
//     → whoever waited is told              CallExchange, EventStream
//
// Everything here runs on the loop; Startup and Shutdown say in which order it begins and ends.

import Dispatching
package import Doors
package import EventLoop
package import EventSources
import HTTP
package import Invocations
import Records
package import Routing
package import Workers

@LoopActor
package final class Host {
  let settings: HostSettings
  /// Of everything that is recorded; timers follow the machine's own.
  package var clocks: any Clocks { dispatcher.clocks }
  package let bulletin = Bulletin(clocks: SystemClocks())
  let store: RecordStore
  let boot: Int
  let pool: ProcessWorkerPool
  let dispatcher: Dispatcher
  let timerDesk: TimerDesk
  private(set) lazy var actionDesk = ActionDesk(openActions, lastAction, of: self)
  private let openActions: [OperatorAction]
  private let lastAction: Int
  let usageReader = UsageReader()
  let began = (wall: SystemClocks().wall, monotonic: SystemClocks().monotonic)
  package private(set) var router: Router
  package private(set) var webhooks = WebhookRules()
  package private(set) var redactions: [String: Redaction] = [:]
  var unsignedCalls = UnsignedCalls()
  package private(set) var roster = WorkerRoster()
  private var launchNumber = 0
  /// Nil where the files themselves are live.
  var releases: ReleaseDesk?

  private(set) var functionServer: HTTPServer?
  private(set) var controlServers: [HTTPServer] = []
  private(set) var controlDoors: [ControlDoor] = []
  package private(set) var controlDoorAddress = ""
  private(set) var functionDoorAddress = ""
  /// Who may call the control door.
  package let access: DoorAccess
  /// When the certificates of the doors that have one expire, in seconds since 1970.
  var certificateEnds: [Door: Int] = [:]
  /// Why the files that came last are not served.
  var certificateFaults: [Door: String] = [:]
  private var alarm: LoopTimer?
  /// Raised before the first worker starts, so that all workers find the same limit.
  private let budget = DescriptorBudget.raised()

  /// The store's threads hold this before the host exists; the host joins on the loop.
  @LoopActor final class Ear {
    weak var host: Host?
  }

  init(
    _ settings: HostSettings, store: RecordStore, recovery: Recovery, ear: Ear
  ) throws(HostFault) {
    self.settings = settings
    self.store = store
    boot = recovery.boot
    access = DoorAccess(
      operatorToken: settings.token, isExposed: settings.isControlDoorExposed,
      clocks: SystemClocks())
    openActions = recovery.openActions
    lastAction = recovery.lastAction
    do { router = try Router(settings.declarations) } catch { throw .routes("\(error)") }

    var workerSettings = WorkerSettings(secret: settings.secret)
    workerSettings.workersPerGroup = settings.workersPerGroup
    workerSettings.drainTimeout = settings.drainTime
    workerSettings.usageReader = usageReader
    workerSettings.confine(settings)
    let newsEar = Ear()
    pool = ProcessWorkerPool(settings: workerSettings) { news in newsEar.host?.heard(news) }
    dispatcher = Dispatcher(
      functions: settings.declarations, recovery: recovery, log: TurnLog(store), workers: pool,
      clocks: SystemClocks(), observer: bulletin, host: settings.hostNumber, grace: settings.grace,
      durability: settings.durability)
    do {
      timerDesk = try TimerDesk(
        settings.declarations, recovered: recovery.timers, dispatcher: dispatcher,
        clocks: SystemClocks(),
        observer: bulletin)
    } catch { throw .timers("timer \(error.timer): \(error.reason)") }
    newsEar.host = self
    ear.host = self
    alarm = LoopTimer { [weak self] in self?.tick() }
    pool.printed = { [weak self] pid, line in self?.printed?(pid, line) }
  }

  /// Lines that workers printed and that belong to no one attempt.
  package var printed: (@LoopActor (Int32, String) -> Void)?
  /// What the host says of itself and its doors.
  package var remarked: (@LoopActor (HostRemark) -> Void)?

  // MARK: News

  func heard(_ news: RecordNews) {
    dispatcher.hear(news)
    releases?.hear(news)
    setAlarm()
  }

  private func heard(_ news: WorkerNews) {
    dispatcher.hear(news)
    setAlarm()
  }

  private func tick() {
    dispatcher.tick()
    setAlarm()
  }

  private var isAlarmDue = false

  /// Once a turn, however much has happened in it.
  func setAlarm() {
    guard !isAlarmDue else { return }
    isAlarmDue = true
    EventLoop.shared.afterTurn { [weak self] in
      guard let self else { return }
      isAlarmDue = false
      if let next = dispatcher.nextWake() { alarm?.arm(atMonotonic: next) } else { alarm?.disarm() }
    }
  }

  // MARK: Releases

  /// Starts workers of `executable` for these functions and, when they are up and hold every
  /// handler, makes the release live.
  ///
  /// What runs ends on the workers it runs on.
  package func launch(
    _ declarations: [FunctionDeclaration], executable: String, arguments: [String] = [],
    missing: @escaping @LoopActor ([HeldHandler]) -> [String],
    then: @escaping @LoopActor (Result<WorkerRoster, HostFault>) -> Void
  ) {
    launch(
      declarations, executable: executable, arguments: arguments, as: releases?.live.number,
      review: { workers, verdict in verdict(missing(workers.roster.held)) },
      switching: { [weak self] in self?.releases?.recordStart() }
    ) { outcome in then(outcome.mapError(HostFault.init)) }
  }

  func launch(
    _ declarations: [FunctionDeclaration], executable: String, arguments: [String],
    as number: Int?, review: @escaping LaunchReview,
    switching: @escaping @LoopActor () -> Void,
    then: @escaping @LoopActor (Result<WorkerRoster, LaunchFault>) -> Void
  ) {
    // As the workers' secrets: what they are at the launch holds for the release.
    let webhooks = WebhookRules(declarations, secret: settings.secret)
    guard webhooks.mistakes.isEmpty else {
      let fault = HostFault.webhookSecrets(webhooks.mistakes)
      return EventLoop.shared.afterTurn { then(.failure(.notAdopted(fault))) }
    }
    launchNumber += 1
    let release = WorkerRelease(
      executable: executable, arguments: arguments, functions: declarations, number: launchNumber,
      recorded: number)
    pool.launch(release, review: review) { [weak self] outcome in
      guard let self else { return }
      switch outcome {
      case .failure(let fault): then(.failure(.workers(fault)))
      case .success(let roster):
        do throws(HostFault) {
          try adopt(declarations, webhooks, roster, as: number, switching)
          then(.success(roster))
        } catch { then(.failure(.notAdopted(error))) }
      }
    }
  }

  private func adopt(
    _ declarations: [FunctionDeclaration], _ webhooks: WebhookRules, _ roster: WorkerRoster,
    as number: Int?, _ switching: @LoopActor () -> Void
  ) throws(HostFault) {
    do { router = try Router(declarations) } catch { throw .routes("\(error)") }
    do { try timerDesk.redeclare(declarations) } catch {
      throw .timers("timer \(error.timer): \(error.reason)")
    }
    self.roster = roster
    self.webhooks = webhooks
    // Of a function that is gone its former word holds on, for its events are still there.
    for declaration in declarations { redactions[declaration.name] = declaration.redact }
    // Written before anything that runs under it.
    switching()
    dispatcher.release = number
    dispatcher.redeclare(declarations)
    dispatcher.note(RecordRules(declarations))
    setAlarm()
  }

  // MARK: Doors

  func openDoors(_ keys: DoorKeys) throws(HostFault) -> Addresses {
    access.replace(keys.book, uses: keys.uses)
    access.notice = { [weak self] in self?.remarked?(HostRemark($0)) }
    let function = HTTPServer(responder: FunctionDoor(house: self), limits: budget.functionDoor)
    function.identity = keys.functionDoor
    let functionPort = try listen(function, settings.functionDoor, "function door")
    functionServer = function
    let controlPort = try openControlDoor(keys.controlDoor)
    controlDoorAddress = Self.url(settings.controlDoor, controlPort, keys.controlDoor)
    functionDoorAddress = Self.url(settings.functionDoor, functionPort, keys.functionDoor)
    return Addresses(functionDoor: functionDoorAddress, controlDoor: controlDoorAddress)
  }

  private static func url(
    _ address: HostSettings.Address, _ port: UInt16, _ identity: TLSIdentity?
  ) -> String {
    let scheme = identity == nil ? "http" : "https"
    return "\(scheme)://\(HostSettings.Address(host: address.host, port: port))"
  }

  private func openControlDoor(_ identity: TLSIdentity?) throws(HostFault) -> UInt16 {
    // The names to answer to hold the port, which is known only once the door is open; until then
    // it answers to none.
    let entry = ControlDoorEntry()
    let server = HTTPServer(responder: entry, limits: budget.controlDoor)
    server.identity = identity
    let port = try listen(server, settings.controlDoor, "control door")
    let host = settings.controlDoor.host
    let names = DoorGuard.names(
      host: host, port: port, others: settings.controlNames, isSecure: identity != nil)
    let guards = DoorGuard(
      hosts: names, hasAnyName: DoorGuard.isAny(host) && settings.controlNames.isEmpty,
      isSecure: identity != nil)
    let door = ControlDoor(house: self, guards: guards, access: access)
    entry.door = door
    controlServers.append(server)

    let localDoor = ControlDoor(house: self, guards: DoorGuard(hosts: nil), access: access)
    let local = HTTPServer(responder: localDoor, limits: budget.localDoor)
    controlDoors = [door, localDoor]
    do { try local.listen(unix: "\(settings.dataDirectory)/control.sock") } catch {
      throw .door("control door: \(error)")
    }
    controlServers.append(local)
    return port
  }

  private func listen(
    _ server: HTTPServer, _ address: HostSettings.Address, _ what: String
  ) throws(HostFault) -> UInt16 {
    do { return try server.listen(tcp: address.host, port: address.port) } catch {
      throw .door("\(what): \(error)")
    }
  }

  package struct Addresses: Sendable, Equatable {
    package var functionDoor: String
    package var controlDoor: String
  }
}

/// Stands at the control door's socket until the door itself is there, in the same turn.
@LoopActor
private final class ControlDoorEntry: HTTPResponder {
  var door: ControlDoor?

  func admit(_ head: HTTPRequest) -> HTTPAdmission {
    door?.admit(head) ?? .refuse(HTTPResponse(status: 503))
  }

  func handle(_ exchange: HTTPExchange) { door?.handle(exchange) }
}
