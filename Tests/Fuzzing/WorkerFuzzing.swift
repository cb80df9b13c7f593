// The worker protocol, in both directions: frames come out of a stream whatever the cut, no payload
// is fatal, and what decodes is the same after another round.

import WorkerProtocol

func fuzzWorkerFrames(_ bytes: [UInt8]) throws {
  let whole = frames(in: [bytes[...]])
  var random = SplitMix64(seed: bytes.ownSeed)
  for _ in 0..<2 {
    try agree(frames(in: bytes.cut(by: &random)), whole, "frames depend on the cut")
  }
  for case .whole(let kind, _, _, let payload) in whole {
    try payload.withUnsafeBytes { try checkRoundTrip(kind, $0) }
  }
}

/// The first byte chooses the kind.
func fuzzWorkerPayload(_ bytes: [UInt8]) throws {
  let kinds = FrameKind.allCases
  let kind = kinds[Int(bytes.first ?? 0) % kinds.count]
  try bytes.dropFirst().withUnsafeBytes { try checkRoundTrip(kind, $0) }
}

private enum SeenFrame: Equatable {
  case whole(FrameKind, attempt: UInt16, invocation: Int64, payload: [UInt8])
  case fault(FrameFault)
}

private func frames(in pieces: [ArraySlice<UInt8>]) -> [SeenFrame] {
  var reader = FrameReader()
  var seen: [SeenFrame] = []
  for piece in pieces {
    do {
      try piece.withUnsafeBytes { bytes in
        try reader.read(bytes) { head, payload in
          seen.append(
            .whole(
              head.kind, attempt: head.attempt, invocation: head.invocation,
              payload: Array(payload)))
        }
      }
    } catch let fault as FrameFault {
      return seen + [.fault(fault)]
    } catch {
      preconditionFailure("the frame reader threw \(error)")
    }
  }
  return seen
}

private func checkRoundTrip(_ kind: FrameKind, _ payload: UnsafeRawBufferPointer) throws {
  switch kind {
  case .hello:
    try checkRoundTrip(payload, kind, Hello.init(reading:)) { $0.write(to: &$1) }
  case .result:
    try checkRoundTrip(payload, kind, AttemptResult.init(reading:)) { $0.write(to: &$1) }
  case .failure:
    try checkRoundTrip(payload, kind, AttemptFailure.init(reading:)) { $0.write(to: &$1) }
  case .log:
    try checkRoundTrip(payload, kind, LogEntry.init(reading:)) { $0.write(to: &$1) }
  case .responseHead:
    try checkRoundTrip(payload, kind, ResponseHead.init(reading:)) { $0.write(to: &$1) }
  case .probed:
    try checkRoundTrip(payload, kind, Probed.init(reading:)) { $0.write(to: &$1) }
  case .start, .probe:
    try checkRoundTrip(payload, kind, Start.init(reading:)) { $0.write(to: &$1) }
  case .startBatch:
    try checkRoundTrip(payload, kind, StartBatch.init(reading:)) { $0.write(to: &$1) }
  case .health, .crashed, .responseBody, .cancel, .drain, .ping, .pause, .resume: break
  }
}

private func checkRoundTrip<Value: Equatable>(
  _ payload: UnsafeRawBufferPointer, _ kind: FrameKind,
  _ read: (UnsafeRawBufferPointer) throws(FrameFault) -> Value,
  _ write: (Value, inout FrameWriter) -> Void
) throws {
  let value: Value
  do throws(FrameFault) { value = try read(payload) } catch { return }
  var writer = FrameWriter()
  guard writer.append(kind, { write(value, &$0) }) else {
    throw BrokenProperty(description: "a \(kind) that was read is too large to be written")
  }
  let again = try writer.bytes.withUnsafeBytes {
    try read(UnsafeRawBufferPointer(rebasing: $0[FrameHead.byteCount...]))
  }
  try agree(again, value, "a \(kind) is another one after a round")
}
