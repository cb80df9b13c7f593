// Which way through the log answers a filter, and the pages that come of it.
import Invocations

extension Inspector {
  /// Newest first.
  func list(
    _ filter: InvocationFilter, among selection: Selection
  ) throws(SQLiteFailure) -> Page<InvocationRecord> {
    let limit = max(1, min(filter.limit, InvocationFilter.limitMax))
    var bytes = 0
    var page: Page<InvocationRecord> = try self.page(filter, among: selection) {
      id, items throws(SQLiteFailure) in
      if let story = try story(of: id), filter.fits(story.record.acceptance.event) {
        items.append(story.record)
        bytes += story.record.bytes
      }
      return items.count < limit && bytes <= StoreLimits.pageBytesMax
    }
    page.unsearched = try unsearched(by: filter)
    return page
  }

  /// The ids alone: what an action goes through.
  func select(
    _ filter: InvocationFilter, among selection: Selection
  ) throws(SQLiteFailure) -> Page<InvocationID> {
    let limit = max(1, min(filter.limit, StoreLimits.selectedIDsMax))
    return try page(filter, among: selection) { id, items throws(SQLiteFailure) in
      let isMeant =
        filter.matches.isEmpty
        ? true : try story(of: id).map { filter.fits($0.record.acceptance.event) } ?? false
      if isMeant { items.append(id) }
      return items.count < limit
    }
  }

  /// `take` says whether there is room for more.
  private func page<Item: Sendable>(
    _ filter: InvocationFilter, among selection: Selection,
    _ take: (InvocationID, inout [Item]) throws(SQLiteFailure) -> Bool
  ) throws(SQLiteFailure) -> Page<Item> {
    // One snapshot: segments are merged, and what has ended goes, between two looks.
    try connection.transaction("BEGIN") { () throws(SQLiteFailure) in
      let walk = try walk(filter, among: selection)
      defer { walk.end() }
      return try page(of: walk, take)
    }
  }

  private func page<Item: Sendable>(
    of walk: Walk, _ take: (InvocationID, inout [Item]) throws(SQLiteFailure) -> Bool
  ) throws(SQLiteFailure) -> Page<Item> {
    let deadline = MonotonicTime.now + StoreLimits.scanNanosecondsMax
    var page = Page<Item>(items: [], next: nil)
    var scanned = 0
    /// The last one that was taken, and the one at which the page ends.
    var taken: InvocationID?
    var end: InvocationID?
    while true {
      switch try walk.step(until: deadline) {
      case .end: return page
      case .pause(let before):
        page.next = before
        return page
      case .row(let id, let fits):
        // A page ends between two invocations, whatever of one a walk meets.
        if let end, id != end {
          page.next = end
          return page
        }
        scanned += 1
        guard fits, id != taken else {
          if scanned >= StoreLimits.scannedRowsMax || MonotonicTime.now > deadline { end = id }
          continue
        }
        taken = id
        let hasRoom = try take(id, &page.items)
        if !hasRoom || scanned >= StoreLimits.scannedRowsMax { end = id }
      }
    }
  }

  // MARK: The way

  private func walk(
    _ filter: InvocationFilter, among selection: Selection
  ) throws(SQLiteFailure) -> Walk {
    let until = [filter.until, try end(of: filter.release)].compactMap(\.self).min()
    let bounds = WalkBounds(
      end: min(
        until.map { InvocationID.first(at: $0).rawValue } ?? .max, filter.before?.rawValue ?? .max),
      start: filter.since.map { InvocationID.first(at: $0).rawValue } ?? 0,
      function: try name(filter.function), queue: try name(filter.queue), filter: filter)
    if let segments = try segments(for: filter, bounds) {
      return try Walk([], segments: segments, bounds, on: connection)
    }
    return try Walk(
      try ranges(for: filter, among: selection, bounds), segments: [], bounds, on: connection)
  }

  /// What was accepted from then on the release cannot have run; nil while it may.
  private func end(of release: Int?) throws(SQLiteFailure) -> WallTime? {
    guard let release else { return nil }
    let query = try connection.statement(SQL.releaseEnd)
    query.begin().add(release)
    guard try query.next() else { return nil }
    return query.optionalInteger().map { WallTime(milliseconds: $0) }
  }

  private func ranges(
    for filter: InvocationFilter, among selection: Selection, _ bounds: WalkBounds
  ) throws(SQLiteFailure) -> [WalkRange] {
    if selection == .deadLetters { return [filter.fingerprint.map { .deadOf($0) } ?? .dead] }
    if let fingerprint = filter.fingerprint { return [.failed(fingerprint)] }
    if let reason = filter.reason { return [.ended(reason == .replaced ? .cancelled : .dead)] }
    if !filter.states.isEmpty, !filter.states.contains(.succeeded) {
      let ended = filter.states.filter(\.isFinal).map { WalkRange.ended($0) }
      return ended + (filter.states.contains { !$0.isFinal } ? [.unfinished] : [])
    }
    // What is written of an invocation is less than all of them.
    if filter.text != nil { return [.logs, .attempts, .ended(.dead)] }
    if filter.function != nil || filter.queue != nil, let triggers = try triggers(bounds) {
      return triggers
    }
    return [.history]
  }

  private func name(_ text: String?) throws(SQLiteFailure) -> StoredName? {
    guard let text else { return nil }
    return try names.name(of: text)
  }

  /// The triggers that could have brought what the filter means; nil where they are too many.
  private func triggers(_ bounds: WalkBounds) throws(SQLiteFailure) -> [WalkRange]? {
    let queue = bounds.filter.queue.map { "queue:\($0)" }
    let wanted = try name(queue)
    let pairs = try TriggerPairs(on: connection).all { pair in
      (wanted == nil || wanted == pair.trigger)
        && (bounds.function == nil || bounds.function == pair.function)
    }
    guard let pairs, pairs.count <= StoreLimits.strandsMax else { return nil }
    return pairs.map { .trigger($0.trigger, $0.function) }
  }

  // MARK: Fields

  /// Segments that may hold the value; nil where the filter names none that is looked up so.
  private func segments(
    for filter: InvocationFilter, _ bounds: WalkBounds
  ) throws(SQLiteFailure) -> [(range: WalkRange, greatest: Int64)]? {
    guard let digest = try digest(for: filter, bounds) else { return nil }
    let query = try connection.statement(SQL.segments)
    query.begin().add(bounds.end)
    query.add(bounds.start)
    var found: [(range: WalkRange, greatest: Int64)] = []
    while try query.next() {
      found.append((.field(segment: query.integer(), digest: digest), query.integer()))
    }
    return found
  }

  private func digest(
    for filter: InvocationFilter, _ bounds: WalkBounds
  ) throws(SQLiteFailure) -> Int64? {
    if let key = filter.key { return FieldTables.digest(FieldTables.keyPath, key, hasher) }
    for match in filter.matches {
      let declaring = try functions(SQL.declaring, match.path.source)
      // Of one function all are found: by its fields, or else event by event.
      let isLookedUp = bounds.function.map(declaring.contains) ?? !declaring.isEmpty
      if isLookedUp { return FieldTables.digest(match.path.source, match.value, hasher) }
    }
    return nil
  }

  /// Functions with events that a filter's values were not looked for in, because their manifests do
  /// not name the path.
  func unsearched(by filter: InvocationFilter) throws(SQLiteFailure) -> [String] {
    guard filter.function == nil, filter.key == nil else { return [] }
    for match in filter.matches {
      let declaring = try functions(SQL.declaring, match.path.source)
      guard !declaring.isEmpty else { continue }
      let others = try functions(SQL.withEvents, nil).subtracting(declaring)
      var words: [String] = []
      for other in others { words.append(try names.text(of: other) ?? "") }
      return words.sorted()
    }
    return []
  }

  private func functions(
    _ sql: String, _ path: String?
  ) throws(SQLiteFailure) -> Set<StoredName> {
    let query = try connection.statement(sql)
    query.begin()
    if let path { query.add(path) }
    var found: Set<StoredName> = []
    while try query.next() {
      if let function = query.optionalName() { found.insert(function) }
    }
    return found
  }
}

extension InvocationFilter {
  func fits(_ event: Event) -> Bool {
    matches.allSatisfy { $0.path.value(in: event) == $0.value }
  }
}

extension InvocationRecord {
  /// What it weighs in a page.
  var bytes: Int {
    1_024 + acceptance.event.data.count + (result?.body.count ?? 0)
      + (error?.message.utf8.count ?? 0)
  }
}
