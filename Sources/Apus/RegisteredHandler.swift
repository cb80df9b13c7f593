// A function with its types erased: what the worker keeps for each name.
import WorkerProtocol

struct RegisteredHandler: Sendable {
  let description: Hello.Handler
  /// Set for a batch function.
  var batch: (any BatchBody)?
  var run: @Sendable (Delivery, Context) async throws -> Answer
  /// Decodes and does nothing else; throws what an attempt would be undecodable for.
  let decode: @Sendable (Delivery) throws -> Void

  init<F: Function>(_ function: F) {
    let direct = F.Input.self as? any DirectInput.Type
    let batch = function as? any BatchBody
    self.batch = batch
    description = Hello.Handler(
      name: function.name,
      kind: batch != nil ? .batch : F.Input.self == HTTPRequest.self ? .http : .event,
      input: batch?.inputName ?? "\(F.Input.self)",
      output: F.Output.self == Void.self ? "Void" : "\(F.Output.self)")
    decode = { delivery in
      if let batch { return try batch.decode(delivery) }
      _ = try Self.input(F.Input.self, direct, of: delivery)
    }
    run = { delivery, context in
      let input = try Self.input(F.Input.self, direct, of: delivery)
      return try function.answer(with: try await function.run(input, context: context))
    }
  }

  static func input<Input: Decodable>(
    _ type: Input.Type, _ direct: (any DirectInput.Type)?, of delivery: Delivery
  ) throws -> Input {
    if let input = direct?.init(delivery) as? Input { return input }
    return try JSON.decode(type, from: delivery.data, root: "data")
  }

  /// By name; the first name that stands twice is thrown.
  static func table(of functions: [any Function]) throws(DuplicateHandler) -> [String: Self] {
    var table: [String: Self] = [:]
    for function in functions {
      let handler = Self(function)
      guard table.updateValue(handler, forKey: handler.description.name) == nil else {
        throw DuplicateHandler(name: handler.description.name)
      }
    }
    return table
  }
}

struct DuplicateHandler: Error, CustomStringConvertible {
  let name: String

  var description: String {
    "two functions are named '\(name)'; give one of them a name of its own (`let name = \"…\"`)"
  }
}
