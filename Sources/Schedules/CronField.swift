// The five fields of a cron expression: their bounds, their names and what was read from them.

enum CronField: String, CaseIterable {
  case minute, hour, day, month, weekday

  var range: ClosedRange<Int> {
    switch self {
    case .minute: 0...59
    case .hour: 0...23
    case .day: 1...31
    case .month: 1...12
    // 0 and 7 are both Sunday.
    case .weekday: 0...7
    }
  }

  /// What `*` stands for: each value once.
  var everyValue: ClosedRange<Int> { self == .weekday ? 0...6 : range }

  /// The n-th name stands for the n-th value of `range`.
  var names: [String] {
    switch self {
    case .minute, .hour, .day: []
    case .month:
      ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    case .weekday: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    }
  }

  /// For messages: how a value may be written.
  var spelling: String {
    let numbers = "\(range.lowerBound)–\(range.upperBound)"
    guard let first = names.first, let last = names.last else { return numbers }
    return "\(numbers) or \(first) … \(last)"
  }
}

struct CronFieldValues {
  /// Bit n stands for the value n; Sunday is 0.
  var values: UInt64 = 0
  var startsWithStar = false
  var includesLastDay = false
  var lastWeekdays: UInt8 = 0
  var numberedWeekdays: UInt64 = 0
}

struct CronFields {
  var minute = CronFieldValues()
  var hour = CronFieldValues()
  var day = CronFieldValues()
  var month = CronFieldValues()
  var weekday = CronFieldValues()

  subscript(field: CronField) -> CronFieldValues {
    get {
      switch field {
      case .minute: minute
      case .hour: hour
      case .day: day
      case .month: month
      case .weekday: weekday
      }
    }
    set {
      switch field {
      case .minute: minute = newValue
      case .hour: hour = newValue
      case .day: day = newValue
      case .month: month = newValue
      case .weekday: weekday = newValue
      }
    }
  }
}
