// Reads one field: a list of `*`, values, ranges and steps, and `L` and `#` in the fields of days.
// What other dialects write here and cron does not is refused with what to write instead.

struct CronFieldReader {
  private let field: CronField
  private let scalars: ArraySlice<Unicode.Scalar>
  /// Of the next unread character.
  private var position: Int
  /// Of the item that is being read.
  private var itemStart: Int
  private var result = CronFieldValues()

  init(_ field: CronField, _ word: CronParser.Word) {
    self.field = field
    scalars = word.scalars
    position = word.scalars.startIndex
    itemStart = position
  }

  mutating func values() throws(CronError) -> CronFieldValues {
    result.startsWithStar = next == "*"
    while true {
      itemStart = position
      try item()
      guard let separator = next else { return result }
      guard separator == "," else { throw unexpected() }
      position += 1
    }
  }

  private mutating func item() throws(CronError) {
    switch next {
    case nil, ",":
      throw error("an item of the list is empty; take the comma out", at: position)
    case "*":
      position += 1
      insert(field.everyValue, step: try step())
    case "?":
      throw error("'?' is Quartz's; write '*'", at: position)
    case "L", "l":
      try lastDay()
    default:
      try valueOrRange()
    }
  }

  private mutating func valueOrRange() throws(CronError) {
    let low = try value()
    switch next {
    case "-":
      position += 1
      try range(from: low, to: try value())
    case "/":
      throw error(
        "a step needs a range; write '\(low)-\(field.everyValue.upperBound)/…'", at: position)
    case "L", "l":
      try lastWeekday(low)
    case "#":
      try numberedWeekday(low)
    default:
      insert(low...low, step: 1)
    }
  }

  private mutating func range(from first: Int, to last: Int) throws(CronError) {
    guard field == .weekday else {
      guard first <= last else { throw backwards(first, last) }
      return insert(first...last, step: try step())
    }
    // Weeks go round: fri-mon is 5, 6, 7 and 8, of which 7 counts as 0 and 8 as 1.
    insert(first...(first <= last ? last : last + 7), step: try step())
  }

  private mutating func insert(_ range: ClosedRange<Int>, step: Int) {
    for value in stride(from: range.lowerBound, through: range.upperBound, by: step) {
      result.values |= 1 << (field == .weekday ? value % 7 : value)
    }
  }

  private mutating func step() throws(CronError) -> Int {
    guard next == "/" else { return 1 }
    position += 1
    let start = position
    guard let step = try number() else {
      throw error("a number belongs after '/'", at: start)
    }
    guard (1...field.everyValue.count).contains(step) else {
      throw error(
        "a step of \(field.rawValue) is 1–\(field.everyValue.count), not \(step); for an interval "
          + "write 'every:' in place of 'cron:'", at: start)
    }
    return step
  }

  // MARK: L and #

  private mutating func lastDay() throws(CronError) {
    guard field == .day else {
      throw error(
        field == .weekday
          ? "'L' needs a weekday before it, such as 5L for the last Friday of the month"
          : "'L' belongs into the fields of day and weekday", at: position)
    }
    position += 1
    guard next == nil || next == "," else {
      throw error(
        "'L' stands alone: offsets, nearest workdays and steps from the last day are "
          + "Quartz's", at: position)
    }
    result.includesLastDay = true
  }

  private mutating func lastWeekday(_ weekday: Int) throws(CronError) {
    guard field == .weekday else {
      throw error(
        field == .day
          ? "the last day of the month is 'L' alone"
          : "'L' belongs into the fields of day and weekday", at: position)
    }
    position += 1
    result.lastWeekdays |= 1 << (weekday % 7)
  }

  private mutating func numberedWeekday(_ weekday: Int) throws(CronError) {
    guard field == .weekday else {
      throw error("'#' belongs into the field of the weekday, such as mon#2", at: position)
    }
    position += 1
    let start = position
    guard let number = try number(), (1...5).contains(number) else {
      throw error("a number 1–5 belongs after '#', such as mon#2", at: start)
    }
    result.numberedWeekdays |= 1 << ((number - 1) * 7 + weekday % 7)
  }

  // MARK: Values

  private mutating func value() throws(CronError) -> Int {
    let start = position
    if let number = try number() {
      guard field.range.contains(number) else {
        throw error("\(field.rawValue) \(number) is not in \(field.spelling)", at: start)
      }
      return number
    }
    guard let letter = next, letter.properties.isAlphabetic else { throw unexpected() }
    return try name()
  }

  private mutating func name() throws(CronError) -> Int {
    let word = scalars[position...].prefix { $0.properties.isAlphabetic }
    let text = String(String.UnicodeScalarView(word)).lowercased()
    // 'fril' is Friday and the L of 'last'.
    if let index = field.names.firstIndex(where: { text == $0 || text == $0 + "l" }) {
      position += 3
      return field.range.lowerBound + index
    }
    if text == "w" { throw unexpected() }
    let near = field.names.first { text.hasPrefix($0) }
    throw error(
      "'\(String(String.UnicodeScalarView(word)))' is not a \(field.rawValue); write "
        + (near.map { "'\($0)'" } ?? field.spelling), at: position)
  }

  /// Nil where no digit comes next.
  private mutating func number() throws(CronError) -> Int? {
    let digits = scalars[position...].prefix { ("0"..."9").contains($0) }
    guard !digits.isEmpty else { return nil }
    guard digits.count <= 4 else {
      throw error("the number is too long; \(field.rawValue) is \(field.spelling)", at: position)
    }
    position += digits.count
    return digits.reduce(0) { $0 * 10 + Int($1.value) - 0x30 }
  }

  private var next: Unicode.Scalar? {
    position < scalars.endIndex ? scalars[position] : nil
  }

  // MARK: Errors

  private func error(_ message: String, at index: Int) -> CronError {
    CronError(message: message, column: index + 1)
  }

  private func unexpected() -> CronError {
    switch next {
    case nil, ",":
      error("a value of \(field.rawValue) is missing: \(field.spelling)", at: position)
    case "W", "w":
      error("'W', the nearest workday, is Quartz's; write the days it can be", at: position)
    case .some(let scalar):
      error("'\(scalar)' does not belong into the field of the \(field.rawValue)", at: position)
    }
  }

  private func backwards(_ first: Int, _ last: Int) -> CronError {
    error(
      "the range \(first)-\(last) of \(field.rawValue) runs backwards; write "
        + "\(first)-\(field.range.upperBound),\(field.range.lowerBound)-\(last)", at: itemStart)
  }
}
