// Cause and effect: everything that came of one first event, as far as it is kept.
package import Invocations

extension RecordStore {
  /// From the first cause on, each after the one it came of; empty where the id is unknown.
  package func chain(of id: InvocationID, then: @escaping Answer<InvocationChain>) {
    inspect(then) { inspector throws(SQLiteFailure) in try inspector.chain(of: id) }
  }
}

extension Inspector {
  fileprivate func chain(of id: InvocationID) throws(SQLiteFailure) -> InvocationChain {
    try connection.transaction("BEGIN") { () throws(SQLiteFailure) in
      var chain = InvocationChain()
      guard let root = try root(of: id) else { return chain }
      try grow(from: root, &chain)
      return chain
    }
  }

  /// Upwards as far as it is kept.
  private func root(of id: InvocationID) throws(SQLiteFailure) -> InvocationID? {
    guard var record = try story(of: id)?.record else { return nil }
    for _ in 0..<InvocationChain.linksMax {
      guard let above = record.acceptance.cause ?? record.acceptance.redriveOf,
        let next = try story(of: above)?.record
      else { break }
      record = next
    }
    return record.acceptance.id
  }

  private func grow(from root: InvocationID, _ chain: inout InvocationChain) throws(SQLiteFailure) {
    // The one whose turn is next stands last.
    var open: [(id: InvocationID, parent: InvocationID?, link: InvocationChain.Link)] = [
      (root, nil, .first)
    ]
    var seen: Set<InvocationID> = []
    while let next = open.popLast() {
      guard seen.insert(next.id).inserted else { continue }
      guard chain.nodes.count < InvocationChain.linksMax else {
        chain.isCut = true
        return
      }
      guard let record = try story(of: next.id)?.record else { continue }
      chain.nodes.append(.init(record: record, parent: next.parent, link: next.link))
      if let again = record.redrivenAs { open.append((again, next.id, .redriven)) }
      for child in try emitted(by: next.id).reversed() {
        // A redrive of something emitted has the same cause; it stands below what it repeats.
        guard try story(of: child)?.record.acceptance.redriveOf == nil else { continue }
        open.append((child, next.id, .emitted))
      }
    }
  }
}
