// Comparison that does not tell by its time how much of a guess was right.

import Crypto

/// Whether two byte strings are the same.
///
/// The digests of both are compared, by the library, in constant time: neither the place of the first
/// difference shows nor whether only the lengths differ. The time depends on how long the two are.
package func isEqualInConstantTime(
  _ left: some Collection<UInt8>, _ right: some Collection<UInt8>
) -> Bool {
  Crypto.SHA256.hash(data: Array(left)) == Crypto.SHA256.hash(data: Array(right))
}
