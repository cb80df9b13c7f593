// Splits a cron expression into its five fields, or says which dialect it seems to come from.
// CronFieldReader reads the fields; this file knows nicknames and what is not cron at all.

enum CronParser {
  /// A list of all sixty minutes has 170 characters.
  static let scalarsMax = 512

  /// A run of characters without a blank, and where it starts, from 0.
  struct Word {
    let scalars: ArraySlice<Unicode.Scalar>
    var column: Int { scalars.startIndex + 1 }
    var text: String { String(String.UnicodeScalarView(scalars)) }
  }

  static func expression(_ source: String) throws(CronError) -> CronExpression {
    let scalars = Array(source.unicodeScalars)
    guard scalars.count <= scalarsMax else {
      throw CronError(
        message: "a cron expression has at most \(scalarsMax) characters, this one "
          + "\(scalars.count)", column: scalarsMax + 1)
    }
    let words = scalars.split { $0 == " " || $0 == "\t" }.map { Word(scalars: $0) }
    guard let first = words.first else {
      throw CronError(message: "the cron expression is empty; \(fiveFields)", column: 1)
    }
    try refuseAssignment(first)
    if first.scalars.first == "@" { return try nickname(words, source: source) }
    try checkCount(words, end: scalars.count)
    return CronExpression(source: source, fields: try fields(words))
  }

  private static let fiveFields = "write 5 fields: minute hour day month weekday"

  private static func fields(_ words: [Word]) throws(CronError) -> CronFields {
    var fields = CronFields()
    for (field, word) in zip(CronField.allCases, words) {
      var reader = CronFieldReader(field, word)
      fields[field] = try reader.values()
    }
    return fields
  }

  private static func checkCount(_ words: [Word], end: Int) throws(CronError) {
    switch words.count {
    case 5:
      return
    case ..<5:
      throw CronError(
        message: "found \(words.count) of 5 fields; \(fiveFields)", column: end + 1)
    case 6:
      throw CronError(
        message: "6 fields: Quartz, Spring and other seconds-first dialects have them (and "
          + "EventBridge, with a year at the end); take the seconds or the year out and "
          + fiveFields,
        column: words[5].column)
    case 7:
      throw CronError(
        message: "7 fields: Quartz has them, with seconds first and a year at the end (Spring and "
          + "other seconds-first dialects have 6); take both out and " + fiveFields,
        column: words[5].column)
    default:
      throw CronError(
        message: "\(words.count) fields, and no dialect of cron has so many; \(fiveFields)",
        column: words[5].column)
    }
  }

  private static func refuseAssignment(_ word: Word) throws(CronError) {
    guard ["TZ=", "CRON_TZ="].contains(where: { word.text.hasPrefix($0) }) else { return }
    throw CronError(
      message: "a time zone does not go into the expression; give it apart, as 'timezone:' in a "
        + "manifest", column: word.column)
  }

  private static let nicknames = [
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
  ]

  private static func nickname(
    _ words: [Word], source: String
  ) throws(CronError) -> CronExpression {
    let word = words[0].text.lowercased()
    guard word != "@reboot" else {
      throw CronError(
        message: "@reboot names no instant of the calendar; start such work when the program "
          + "starts", column: words[0].column)
    }
    guard word != "@every" else {
      throw CronError(
        message: "@every is not cron; write 'every: 5m' in place of 'cron:'",
        column: words[0].column)
    }
    guard let meaning = nicknames[word] else {
      throw CronError(
        message: "'\(words[0].text)' is not one of "
          + nicknames.keys.sorted().joined(separator: " "), column: words[0].column)
    }
    guard words.count == 1 else {
      throw CronError(
        message: "nothing may follow \(word); it stands for '\(meaning)'", column: words[1].column)
    }
    return CronExpression(
      source: source,
      fields: try fields(meaning.unicodeScalars.split(separator: " ").map(Word.init)))
  }
}
