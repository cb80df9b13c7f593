// Rows under titles, aligned; the last column is cut to the terminal. It knows nothing of what it
// shows.

struct Table {
  struct Cell: ExpressibleByStringInterpolation {
    var text: String
    var colour: Ink.Colour?

    init(_ text: String, _ colour: Ink.Colour? = nil) {
      // A row is a line, whatever an error message holds.
      self.text = text.contains { $0.isNewline } ? Table.oneLine(text) : text
      self.colour = colour
    }

    init(stringLiteral text: String) { self.init(text) }
  }

  private static let gap = "  "
  /// Of the last column, where something is still worth reading.
  private static let columnsMin = 12

  private let titles: [String]
  /// Columns of numbers, which stand at the right.
  private let numbers: Set<Int>
  private var rows: [[Cell]] = []

  init(_ titles: [String], numbers: Set<Int> = []) {
    self.titles = titles
    self.numbers = numbers
  }

  var isEmpty: Bool { rows.isEmpty }

  mutating func add(_ cells: [Cell]) {
    precondition(cells.count == titles.count, "a row has a cell for each title")
    rows.append(cells)
  }

  /// `columnsMax` is the width of the terminal; nil cuts nothing.
  func lines(_ ink: Ink, columnsMax: Int? = nil) -> [String] {
    let widths = titles.indices.map { column in
      max(titles[column].count, rows.map { $0[column].text.count }.max() ?? 0)
    }
    let rest = columnsMax.map {
      max(Self.columnsMin, $0 - widths.dropLast().reduce(0) { $0 + $1 + 2 })
    }
    let head = line(titles.map { Cell($0, .dim) }, widths, rest, ink)
    return [head] + rows.map { line($0, widths, rest, ink) }
  }

  private func line(_ cells: [Cell], _ widths: [Int], _ rest: Int?, _ ink: Ink) -> String {
    let last = cells.count - 1
    let texts = cells.enumerated().map { column, cell in
      let room = String(repeating: " ", count: max(0, widths[column] - cell.text.count))
      if numbers.contains(column) { return room + ink(cell.colour, cell.text) }
      guard column == last else { return ink(cell.colour, cell.text) + room }
      return ink(cell.colour, rest.map { Self.cut(cell.text, to: $0) } ?? cell.text)
    }
    let line = texts.joined(separator: Self.gap)
    return String(line.reversed().drop { $0 == " " }.reversed())
  }

  static func cut(_ text: String, to columns: Int) -> String {
    text.count <= columns ? text : text.prefix(columns - 1) + "…"
  }

  /// Without control characters, which a terminal would obey.
  static func harmless(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    let shown = text.unicodeScalars.map { isControl($0) ? " " : Character($0) }
    return String(shown)
  }

  /// Lines may be lines.
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
  }

  static func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}
