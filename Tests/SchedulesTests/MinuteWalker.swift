// The second opinion on cron: random expressions that know what they mean without being parsed,
// and a calendar that counts days one by one. Slow, plain, and sharing no code with the room.

/// The same numbers for the same seed, on every machine.
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// One day of a calendar made by counting from Thursday, 1 January 1970.
struct CountedDay {
  var month = 1
  var day = 1
  var weekday = 4
  var daysInMonth = 31

  /// Index 0 is 1970-01-01; up to the end of 2069.
  static let all: [CountedDay] = {
    var days: [CountedDay] = []
    var weekday = 4
    for year in 1970..<2070 {
      let february = year % 4 == 0 ? 29 : 28
      for (month, length) in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
        for day in 1...length {
          days.append(
            CountedDay(month: month + 1, day: day, weekday: weekday, daysInMonth: length))
          weekday = (weekday + 1) % 7
        }
      }
    }
    return days
  }()
}

struct RandomExpression {
  enum DayOfWeek {
    case each(Set<Int>)
    case last(Int)
    case numbered(Int, Int)
  }

  let text: String
  let isFixed: Bool
  private let minutes: Set<Int>
  private let hours: Set<Int>
  private let days: Set<Int>
  private let withLastDay: Bool
  private let months: Set<Int>
  private let weekday: DayOfWeek
  private let needsBoth: Bool

  /// Nights get more hours in the range of clock changes.
  init(from numbers: inout SeededNumbers, atNight: Bool = false) {
    let minute = Self.field(0...59, stars: 0.2, &numbers)
    let hour = Self.field(
      atNight ? 0...4 : 0...23, stars: atNight ? 0.2 : 0.4, starRange: 0...23, &numbers)
    let day = Self.day(&numbers)
    let month = Self.field(1...12, stars: atNight ? 1 : 0.6, &numbers)
    let week = Self.weekday(&numbers)
    text = [minute.text, hour.text, day.text, month.text, week.text].joined(separator: " ")
    isFixed = !minute.text.hasPrefix("*") && !hour.text.hasPrefix("*")
    (minutes, hours, days, months) = (minute.values, hour.values, day.values, month.values)
    withLastDay = day.last
    weekday = week.value
    needsBoth = day.text.hasPrefix("*") || week.text.hasPrefix("*")
  }

  func matches(_ date: CountedDay) -> Bool {
    guard months.contains(date.month) else { return false }
    let byDay = days.contains(date.day) || (withLastDay && date.day == date.daysInMonth)
    let byWeek =
      switch weekday {
      case .each(let weekdays): weekdays.contains(date.weekday)
      case .last(let weekday): date.weekday == weekday && date.day > date.daysInMonth - 7
      case .numbered(let weekday, let number):
        date.weekday == weekday && date.day > number * 7 - 7 && date.day <= number * 7
      }
    return needsBoth ? byDay && byWeek : byDay || byWeek
  }

  func matches(minuteOfDay: Int) -> Bool {
    hours.contains(minuteOfDay / 60) && minutes.contains(minuteOfDay % 60)
  }

  func matches(localSeconds: Int) -> Bool {
    localSeconds % 60 == 0 && matches(minuteOfDay: localSeconds % 86_400 / 60)
      && matches(CountedDay.all[localSeconds / 86_400])
  }

  private static func field(
    _ range: ClosedRange<Int>, stars: Double, starRange: ClosedRange<Int>? = nil,
    _ numbers: inout SeededNumbers
  ) -> (text: String, values: Set<Int>) {
    let every = starRange ?? range
    guard Double.random(in: 0..<1, using: &numbers) >= stars else {
      let step = [1, 1, 2, 3, 5, 7].randomElement(using: &numbers) ?? 1
      let values = Set(every.filter { ($0 - every.lowerBound) % step == 0 })
      return (step == 1 ? "*" : "*/\(step)", values)
    }
    var texts: [String] = []
    var values: Set<Int> = []
    for _ in 0..<Int.random(in: 1...3, using: &numbers) {
      let low = Int.random(in: range, using: &numbers)
      let high = Int.random(in: low...range.upperBound, using: &numbers)
      switch Int.random(in: 0..<4, using: &numbers) {
      case 0:
        texts.append("\(low)-\(high)")
        values.formUnion(low...high)
      case 1:
        texts.append("\(low)-\(high)/4")
        values.formUnion((low...high).filter { ($0 - low) % 4 == 0 })
      default:
        texts.append("\(low)")
        values.insert(low)
      }
    }
    return (texts.joined(separator: ","), values)
  }

  private static func day(
    _ numbers: inout SeededNumbers
  ) -> (text: String, values: Set<Int>, last: Bool) {
    let (text, values) = field(1...31, stars: 0.5, &numbers)
    switch Int.random(in: 0..<8, using: &numbers) {
    case 0: return ("L", [], true)
    case 1: return (text + ",L", values, true)
    default: return (text, values, false)
    }
  }

  private static func weekday(_ numbers: inout SeededNumbers) -> (text: String, value: DayOfWeek) {
    let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    let weekday = Int.random(in: 0...6, using: &numbers)
    let number = Int.random(in: 1...5, using: &numbers)
    switch Int.random(in: 0..<8, using: &numbers) {
    case 0: return ("\(weekday)L", .last(weekday))
    case 1: return ("\(names[weekday])#\(number)", .numbered(weekday, number))
    case 2: return ("\(weekday)-7", .each(Set(weekday...7).union([0]).subtracting([7])))
    case 3:
      let (text, values) = field(0...6, stars: 0, &numbers)
      return (text, .each(values))
    default: return ("*", .each(Set(0...6)))
    }
  }
}
