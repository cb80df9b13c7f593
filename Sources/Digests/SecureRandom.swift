// Bytes that nobody can guess, for tokens and keys. From the kernel, as Swift's system generator has
// them; what only needs to differ (ids, jitter) takes the generator itself.

package enum SecureRandom {
  package static func bytes(_ count: Int) -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }
}
