// A handler of a worker executable, as far as a manifest has to fit it.

package struct HeldHandler: Sendable, Hashable {
  package var name: String
  package var takesBatches: Bool

  package init(_ name: String, takesBatches: Bool = false) {
    self.name = name
    self.takesBatches = takesBatches
  }
}
