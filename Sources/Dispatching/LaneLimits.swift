// Every limit of the lanes in one place; a test makes them small.

/// What the lanes of one function may keep in memory.
package struct LaneLimits: Sendable {
  /// Entries of one lane.
  package var laneEntriesMax = 64
  /// Entries of all lanes, and their payload bytes; past either, more stays in the store.
  package var entriesMax = 8192
  package var bytesMax = 32 << 20
  /// Lanes with anything to remember, about 200 bytes each.
  package var lanesMax = 65_536
  /// Reads of lanes under way at a time.
  package var readsMax = 16

  package init() {}
}
