// Cuts a file into its documents before any is parsed, so that a syntax error in one does not hide
// the mistakes in the next, and so that no alias reaches into another document. A line that begins
// with `---` begins a document wherever it stands: YAML allows it nowhere else.

struct YAMLSegment {
  var text: String
  /// Lines of the file before the segment.
  var linesBefore: Int

  static func segments(of text: String) -> [YAMLSegment] {
    var cutter = YAMLCutter(bytes: Array(text.utf8))
    return cutter.cut()
  }
}

private struct YAMLCutter {
  let bytes: [UInt8]
  private var segments: [YAMLSegment] = []
  private var start = 0
  private var startLine = 0
  private var line = 0
  /// Comments and directives before a `---` belong to the document that it begins.
  private var hasContent = false

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func cut() -> [YAMLSegment] {
    var lineStart = 0
    while lineStart < bytes.count {
      let lineEnd = bytes[lineStart...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count - 1
      visit(lineStart...lineEnd)
      line += 1
      lineStart = lineEnd + 1
    }
    close(at: bytes.count)
    return segments
  }

  private mutating func visit(_ range: ClosedRange<Int>) {
    if isMarker("---", range) {
      if hasContent { close(at: range.lowerBound) }
      hasContent = true
    } else if isMarker("...", range) {
      line += 1
      close(at: range.upperBound + 1)
      line -= 1
    } else if !isBlankOrComment(range) {
      hasContent = true
    }
  }

  private mutating func close(at end: Int) {
    if hasContent {
      let text = String(decoding: bytes[start..<end], as: UTF8.self)
      segments.append(YAMLSegment(text: text, linesBefore: startLine))
    }
    start = end
    startLine = line
    hasContent = false
  }

  private func isMarker(_ marker: StaticString, _ range: ClosedRange<Int>) -> Bool {
    let line = bytes[range]
    guard line.starts(with: marker.description.utf8) else { return false }
    return line.dropFirst(3).first.map { [0x20, 0x09, 0x0A, 0x0D].contains($0) } ?? true
  }

  private func isBlankOrComment(_ range: ClosedRange<Int>) -> Bool {
    guard let first = bytes[range].first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) else {
      return true
    }
    return first == UInt8(ascii: "#") || bytes[range.lowerBound] == UInt8(ascii: "%")
  }
}
