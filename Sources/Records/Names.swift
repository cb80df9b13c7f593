// Words that come again and again (functions, queues, types, sources) are stored once and meant by
// a number. Past the limit, and for long ones, the row carries the text itself.

enum StoredName: Hashable, Sendable {
  case number(Int64)
  case text(String)
}

/// The writer's side: it knows all names, and gives numbers to new ones.
final class NameTable {
  private var numbers: [String: Int64]
  /// Given in the transaction that runs; forgotten if it fails.
  private var fresh: [String] = []
  private let add: Statement
  /// What is remembered of another round may have been taken back.
  private var round = 0

  /// The name that came last in one column: mostly it comes again, and need not be looked up.
  struct Known {
    fileprivate var text = ""
    fileprivate var number: Int64 = 0
    fileprivate var round = -1
  }

  init(on connection: Connection) throws(SQLiteFailure) {
    add = try connection.statement(SQL.addName)
    numbers = [:]
    let all = try connection.statement("SELECT id, text FROM names")
    while try all.next() {
      let number = all.integer()
      numbers[all.text()] = number
    }
  }

  /// A word of a manifest: a function, a queue, a trigger.
  func own(_ text: String, _ last: inout Known) throws(SQLiteFailure) -> StoredName {
    try name(text, countMax: StoreLimits.namesMax, &last)
  }

  func own(_ text: String) throws(SQLiteFailure) -> StoredName {
    var unknown = Known()
    return try own(text, &unknown)
  }

  /// A word of a client.
  ///
  /// It can use up its part of the numbers and nothing else.
  func foreign(_ text: String, _ last: inout Known) throws(SQLiteFailure) -> StoredName {
    try name(text, countMax: StoreLimits.clientNamesMax, &last)
  }

  private func name(
    _ text: String, countMax: Int, _ last: inout Known
  ) throws(SQLiteFailure) -> StoredName {
    if last.round == round, last.text == text { return .number(last.number) }
    let name = try name(text, countMax: countMax)
    if case .number(let number) = name { last = Known(text: text, number: number, round: round) }
    return name
  }

  private func name(_ text: String, countMax: Int) throws(SQLiteFailure) -> StoredName {
    if let number = numbers[text] { return .number(number) }
    guard numbers.count < countMax, text.utf8.count <= StoreLimits.nameBytesMax else {
      return .text(text)
    }
    let number = Int64(numbers.count + 1)
    add.begin()
    add.add(number)
    add.add(text)
    try add.run()
    numbers[text] = number
    fresh.append(text)
    return .number(number)
  }

  func committed() { fresh.removeAll(keepingCapacity: true) }

  func rolledBack() {
    round += 1
    for text in fresh { numbers[text] = nil }
    fresh.removeAll(keepingCapacity: true)
  }
}

/// A reader's side: it learns names as it meets them.
///
/// Numbers never change their meaning.
final class NameCache {
  private var texts: [Int64: String] = [:]
  private let byNumber: Statement
  private let byText: Statement

  init(on connection: Connection) throws(SQLiteFailure) {
    byNumber = try connection.statement(SQL.name)
    byText = try connection.statement(SQL.nameNumber)
  }

  func text(of name: StoredName?) throws(SQLiteFailure) -> String? {
    switch name {
    case nil: nil
    case .text(let text): text
    case .number(let number): try text(of: number)
    }
  }

  private func text(of number: Int64) throws(SQLiteFailure) -> String {
    if let text = texts[number] { return text }
    byNumber.begin().add(number)
    defer { byNumber.reset() }
    guard try byNumber.next() else { return "" }
    let text = byNumber.text()
    texts[number] = text
    return text
  }

  /// As rows carry it.
  ///
  /// A text without a number is itself: it may be past the limit.
  func name(of text: String) throws(SQLiteFailure) -> StoredName {
    byText.begin().add(text)
    defer { byText.reset() }
    return try byText.next() ? .number(byText.integer()) : .text(text)
  }
}
