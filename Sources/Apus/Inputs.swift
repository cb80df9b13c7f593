// Inputs that are not read from JSON. They are Decodable like every input, so that one requirement
// on `Function.Input` is enough; the worker makes them from the delivery itself.

/// What arrived for one attempt, before anything is decoded.
struct Delivery: Sendable {
  let event: EventAttributes
  let data: [UInt8]
  let call: HTTPCallFields?
}

protocol DirectInput: SendableMetatype {
  init(_ delivery: Delivery)
}

/// The event's data as it came, undecoded.
public struct RawData: Sendable, Hashable {
  /// The bytes of the event's data.
  public var bytes: [UInt8]

  /// The bytes as text; what is not UTF-8 in them becomes the replacement character.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Makes raw data of bytes.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }
}

extension RawData: Decodable, DirectInput {
  init(_ delivery: Delivery) { self.init(delivery.data) }

  /// Reads an array of numbers; as the input of a function no decoding takes place at all.
  public init(from decoder: any Decoder) throws { self.init(try [UInt8](from: decoder)) }
}

/// The input of a function that does not look at the event's data, such as that of a timer.
public struct NoInput: Sendable, Hashable {
  /// Makes the empty input.
  public init() {}
}

extension NoInput: Decodable, DirectInput {
  init(_ delivery: Delivery) {}

  /// Takes anything.
  public init(from decoder: any Decoder) {}
}
