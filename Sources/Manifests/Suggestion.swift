// "Did you mean": the known word nearest to a mistyped one.

enum Suggestion {
  /// The nearest of `words` within two edits; nil when none is.
  ///
  /// The edits must also fit into half of the longer word, so that `at` is not offered for `xy`.
  /// Capitals do not count.
  static func nearest(to typed: String, among words: [String]) -> String? {
    let typed = Array(typed.lowercased().unicodeScalars.prefix(200))
    let near = words.compactMap { word -> (word: String, edits: Int)? in
      let letters = Array(word.lowercased().unicodeScalars)
      guard abs(letters.count - typed.count) <= 2 else { return nil }
      let edits = distance(typed, letters)
      guard edits <= 2, edits * 2 <= max(letters.count, typed.count) else { return nil }
      return (word, edits)
    }
    return near.min { $0.edits < $1.edits }?.word
  }

  /// ` (did you mean 'x'?)` or nothing, to be put behind a message.
  static func text(for typed: String, among words: [String]) -> String {
    nearest(to: typed, among: words).map { " (did you mean '\($0)'?)" } ?? ""
  }

  /// Insertions, deletions and replacements (Levenshtein), one row of the table at a time.
  private static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    var row = Array(0...right.count)
    for (index, letter) in left.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in right.indices {
        let replaced = diagonal + (letter == right[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
      }
    }
    return row[right.count]
  }
}
