// The moment of acceptance as the handler reads it, where the sender gave no time: RFC 3339 with
// milliseconds, UTC. Writing only, in one pass, as every such start needs it.
import Invocations

func rfc3339(_ time: WallTime) -> String {
  // Four digits for the year: year 0 to 9999.
  let milliseconds = min(max(time.milliseconds, -62_167_219_200_000), 253_402_300_799_999)
  let days = (milliseconds - (milliseconds %% 86_400_000)) / 86_400_000
  let rest = milliseconds %% 86_400_000
  let (year, month, day) = civil(days: days)
  return String(unsafeUninitializedCapacity: 24) { text in
    put(year, 4, at: 0, before: "-", in: text)
    put(month, 2, at: 5, before: "-", in: text)
    put(day, 2, at: 8, before: "T", in: text)
    put(rest / 3_600_000, 2, at: 11, before: ":", in: text)
    put(rest / 60_000 % 60, 2, at: 14, before: ":", in: text)
    put(rest / 1000 % 60, 2, at: 17, before: ".", in: text)
    put(rest % 1000, 3, at: 20, before: "Z", in: text)
    return 24
  }
}

infix operator %% : MultiplicationPrecedence

/// The remainder that is never negative.
private func %% (number: Int64, divisor: Int64) -> Int64 {
  let remainder = number % divisor
  return remainder < 0 ? remainder + divisor : remainder
}

/// The Gregorian date of a day counted from 1970-01-01, by eras of 400 years that begin in March.
private func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
  let shifted = days + 719_468
  let dayOfEra = shifted %% 146_097
  let era = (shifted - dayOfEra) / 146_097
  let yearOfEra =
    (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let marchMonth = (5 * dayOfYear + 2) / 153
  let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
}

private func put(
  _ number: Int64, _ digits: Int, at place: Int, before mark: Unicode.Scalar,
  in text: UnsafeMutableBufferPointer<UInt8>
) {
  var rest = number
  for index in stride(from: place + digits - 1, through: place, by: -1) {
    text[index] = UInt8(ascii: "0") + UInt8(rest % 10)
    rest /= 10
  }
  text[place + digits] = UInt8(ascii: mark)
}
