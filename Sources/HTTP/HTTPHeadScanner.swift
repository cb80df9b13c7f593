// Finds the end of a request's head, line by line, and enforces the limits on it to the byte. It
// refuses what would make two readers disagree on where a line ends: bare LF, bare CR, folded
// lines, control bytes. The grammar inside the lines is the codec's and HTTPHeadRules'.

import Glibc

struct HTTPHeadScanner {
  private let limits: HTTPLimits
  private var lineStart = 0
  /// Everything before it has no further line end.
  private var searched = 0
  /// Whole lines so far, the request line included.
  private var lineCount = 0
  private var headerStart = 0

  init(limits: HTTPLimits) {
    self.limits = limits
  }

  /// The number of bytes up to and with the empty line, or nil while it is not there.
  ///
  /// `bytes` must be the head from its first byte on, each time with more behind it.
  mutating func end(in bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int? {
    try checkFirstByte(of: bytes)
    while let lineFeed = nextLineFeed(in: bytes) {
      guard lineFeed > lineStart, bytes[lineFeed - 1] == UInt8(ascii: "\r") else {
        throw .malformed("each line must end with CR LF; got LF alone")
      }
      if lineFeed - 1 == lineStart { return lineFeed + 1 }
      try checkLine(UnsafeRawBufferPointer(rebasing: bytes[lineStart..<lineFeed - 1]))
      lineStart = lineFeed + 1
      searched = lineStart
    }
    searched = bytes.count
    try checkUnfinishedLine(upTo: bytes.count)
    return nil
  }

  private func nextLineFeed(in bytes: UnsafeRawBufferPointer) -> Int? {
    guard let base = bytes.baseAddress, searched < bytes.count,
      let found = memchr(base + searched, 0x0A, bytes.count - searched)
    else { return nil }
    return UnsafeRawPointer(found) - base
  }

  /// Speaks up at the first byte: a TLS greeting may never contain a line end.
  private func checkFirstByte(of bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) {
    guard lineCount == 0, let first = bytes.first, !HTTPGrammar.isTokenByte(first) else { return }
    throw .malformed("a request must begin with a method; is the client speaking TLS?")
  }

  private mutating func checkLine(_ line: UnsafeRawBufferPointer) throws(HTTPRefusal) {
    lineCount += 1
    if lineCount == 1 {
      if line.count > limits.requestLineBytesMax {
        throw .requestLineTooLong(max: limits.requestLineBytesMax)
      }
      try checkRequestLine(line)
      headerStart = line.count + 2
    } else {
      try checkHeaderLine(line)
    }
    guard HTTPGrammar.hasNothingForbidden(line) else {
      throw .malformed("a line of the head has a control byte, such as NUL or CR alone")
    }
  }

  /// Some readers take more than one space for one, others for a part of the target.
  private func checkRequestLine(_ line: UnsafeRawBufferPointer) throws(HTTPRefusal) {
    var previous: UInt8 = 0
    for byte in line {
      if byte == UInt8(ascii: " "), previous == byte {
        throw .malformed("the request line must be 'METHOD target HTTP/1.1' with single spaces")
      }
      previous = byte
    }
  }

  private func checkHeaderLine(_ line: UnsafeRawBufferPointer) throws(HTTPRefusal) {
    if line[0] == UInt8(ascii: " ") || line[0] == UInt8(ascii: "\t") {
      throw .malformed("header fields may not be folded over several lines")
    }
    if lineCount - 1 > limits.headerCountMax {
      throw .tooManyHeaders(max: limits.headerCountMax)
    }
    if lineStart + line.count + 2 - headerStart > limits.headerBytesMax {
      throw .headersTooLong(max: limits.headerBytesMax)
    }
  }

  /// One byte more than the limit may be the CR of the line end.
  private func checkUnfinishedLine(upTo end: Int) throws(HTTPRefusal) {
    if lineCount == 0 {
      if end > limits.requestLineBytesMax + 1 {
        throw .requestLineTooLong(max: limits.requestLineBytesMax)
      }
    } else if end - headerStart > limits.headerBytesMax + 1 {
      throw .headersTooLong(max: limits.headerBytesMax)
    }
  }
}
