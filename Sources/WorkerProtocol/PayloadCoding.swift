// How values lie in a payload: fixed-width integers little endian, byte strings with a u32 length
// before them, an optional as one byte and the value. No field is ever skipped.

/// Appends frames to one buffer, so that all frames of a turn leave in one write.
package struct FrameWriter: Sendable {
  /// Longer than `count`: what is written next need not make room for each of its fields.
  private var buffer: [UInt8] = []
  package private(set) var count = 0
  /// What its buffer begins with, so that it need not grow step by step.
  private let capacity: Int

  package init(capacity: Int = 256) { self.capacity = max(capacity, 64) }

  package var isEmpty: Bool { count == 0 }

  package var bytes: [UInt8] { Array(buffer[..<count]) }

  package mutating func take() -> [UInt8] {
    buffer.removeLast(buffer.count - count)
    defer {
      buffer = []
      count = 0
    }
    return buffer
  }

  /// False, and nothing appended, when the payload would pass `FrameHead.payloadBytesMax`.
  @discardableResult
  package mutating func append(
    _ kind: FrameKind, attempt: UInt16 = 0, invocation: Int64 = 0,
    _ payload: (inout FrameWriter) -> Void = { _ in }
  ) -> Bool {
    let start = count
    put(UInt32(0))
    put(kind.rawValue)
    put(UInt8(0))
    put(attempt)
    put(UInt64(bitPattern: invocation))
    payload(&self)
    let payloadBytes = count - start - FrameHead.byteCount
    guard payloadBytes <= FrameHead.payloadBytesMax else {
      count = start
      return false
    }
    store(UInt32(payloadBytes), at: start)
    return true
  }

  /// A frame whose payload is nothing but these bytes, as `responseBody` has it.
  @discardableResult
  package mutating func append(
    _ kind: FrameKind, attempt: UInt16 = 0, invocation: Int64 = 0, bytes payload: ArraySlice<UInt8>
  ) -> Bool {
    append(kind, attempt: attempt, invocation: invocation) { writer in
      payload.withUnsafeBytes { writer.add($0) }
    }
  }

  mutating func put<Number: FixedWidthInteger>(_ number: Number) {
    makeRoom(for: MemoryLayout<Number>.size)
    store(number, at: count)
    count += MemoryLayout<Number>.size
  }

  mutating func put(_ text: String) {
    var text = text
    text.withUTF8 { put(UnsafeRawBufferPointer($0)) }
  }

  mutating func put(_ block: [UInt8]) { block.withUnsafeBytes { put($0) } }

  mutating func put(_ block: UnsafeRawBufferPointer) {
    put(UInt32(block.count))
    add(block)
  }

  private mutating func add(_ block: UnsafeRawBufferPointer) {
    if block.count <= buffer.count - count {
      buffer.withUnsafeMutableBytes {
        UnsafeMutableRawBufferPointer(rebasing: $0[count...]).copyMemory(from: block)
      }
      count += block.count
    } else {
      buffer.removeLast(buffer.count - count)
      buffer.append(contentsOf: block)
      count = buffer.count
    }
  }

  private mutating func store<Number: FixedWidthInteger>(_ number: Number, at offset: Int) {
    buffer.withUnsafeMutableBytes {
      $0.storeBytes(of: number.littleEndian, toByteOffset: offset, as: Number.self)
    }
  }

  /// For a number: a few bytes.
  private mutating func makeRoom(for more: Int) {
    guard count + more > buffer.count else { return }
    if buffer.isEmpty { buffer.reserveCapacity(capacity) }
    buffer.append(contentsOf: Self.room[..<min(capacity, Self.room.count)])
  }

  private static let room = [UInt8](repeating: 0, count: 4096)

  mutating func put<Value>(_ value: Value?, _ write: (inout FrameWriter, Value) -> Void) {
    put(UInt8(value == nil ? 0 : 1))
    if let value { write(&self, value) }
  }

  mutating func put(_ text: String?) { put(text) { $0.put($1) } }

  mutating func put<Element>(_ list: [Element], _ write: (inout FrameWriter, Element) -> Void) {
    put(UInt32(list.count))
    for element in list { write(&self, element) }
  }
}

/// Reads a payload from front to back; every read past the end throws `truncatedPayload`.
package struct PayloadReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0
  private let kind: FrameKind

  package init(_ bytes: UnsafeRawBufferPointer, of kind: FrameKind) {
    self.bytes = bytes
    self.kind = kind
  }

  mutating func number<Number: FixedWidthInteger>(
    _ type: Number.Type = Number.self
  ) throws(FrameFault) -> Number {
    let size = MemoryLayout<Number>.size
    guard bytes.count - offset >= size else { throw .truncatedPayload(kind) }
    defer { offset += size }
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
  }

  /// The count of the list that comes next; nothing is consumed.
  func peekCount() throws(FrameFault) -> Int {
    var ahead = self
    return Int(try ahead.number(UInt32.self))
  }

  mutating func slice() throws(FrameFault) -> UnsafeRawBufferPointer {
    let count = Int(try number(UInt32.self))
    guard bytes.count - offset >= count else { throw .truncatedPayload(kind) }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  mutating func block() throws(FrameFault) -> [UInt8] { Array(try slice()) }

  mutating func text() throws(FrameFault) -> String {
    String(decoding: try slice(), as: UTF8.self)
  }

  mutating func optional<Value>(
    _ read: (inout PayloadReader) throws(FrameFault) -> Value
  ) throws(FrameFault) -> Value? {
    try number(UInt8.self) == 0 ? nil : try read(&self)
  }

  mutating func optionalText() throws(FrameFault) -> String? {
    try number(UInt8.self) == 0 ? nil : try text()
  }

  /// The count is checked against what is left, and an element in memory is larger than its shortest
  /// form here, so memory is reserved for few at first: a hostile count reserves next to nothing.
  mutating func list<Element>(
    _ read: (inout PayloadReader) throws(FrameFault) -> Element
  ) throws(FrameFault) -> [Element] {
    let count = Int(try number(UInt32.self))
    guard count <= bytes.count - offset else { throw .truncatedPayload(kind) }
    var elements: [Element] = []
    elements.reserveCapacity(min(count, 64))
    for _ in 0..<count { elements.append(try read(&self)) }
    return elements
  }
}
