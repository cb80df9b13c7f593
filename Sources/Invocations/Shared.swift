// A value that many hold at once: the loop, the line of the writer, the workers, whoever looks on.

/// To hand it on is to pass a reference, not to copy everything that is in it.
package final class Shared<Value: Sendable>: Sendable {
  package let value: Value

  package init(_ value: consuming Value) { self.value = value }
}

extension Shared: Equatable where Value: Equatable {
  package static func == (one: Shared, other: Shared) -> Bool {
    one === other || one.value == other.value
  }
}
