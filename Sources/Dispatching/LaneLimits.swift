// Every limit of lines and lanes in one place; a test makes them small.

/// What the lines and lanes of one function may keep in memory.
package struct LaneLimits: Sendable {
  /// Entries of the line of one priority before its back half goes back to the store.
  package var lineEntriesMax = 16_384
  /// Entries of one lane.
  package var laneEntriesMax = 64
  /// Entries of all lanes, and their payload bytes; past either, more stays in the store.
  package var entriesMax = 8192
  package var bytesMax = 32 << 20
  /// Lanes that may take their turn, about 200 bytes each.
  package var lanesMax = 65_536
  /// Beside them, lanes that wait before a limit, a rate or a paused queue; past it the line is not
  /// read on until there are less.
  package var asideMax = 131_072
  /// Reads of lanes under way at a time.
  package var readsMax = 16

  package init() {}
}
