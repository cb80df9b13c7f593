// Runs histories by their seeds: `Simulate FROM COUNT`, in as many processes as the caller likes. The
// first history that does not balance is printed, with the command that replays it, and ends with 1.
import Glibc
import Simulation

@main struct Simulate {
  static func main() {
    // Dictionaries that walk in another order each time would make another history of the same seed.
    guard getenv("SWIFT_DETERMINISTIC_HASHING") != nil else { return startAgain() }
    let numbers = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
    let from = numbers.first ?? 1
    let count = numbers.dropFirst().first ?? 1
    var total = HistoryReport()
    for seed in from..<from + count {
      do {
        let one = try History.run(seed: seed)
        total.add(one)
      } catch {
        print("\(error)\n  to see it again: make simulate FROM=\(seed) SEEDS=1")
        exit(1)
      }
      if (seed - from + 1) % 1_000 == 0 { print("\(seed - from + 1) histories: \(total.words)") }
    }
    print("\(count) histories from seed \(from): \(total.words)")
  }

  private static func startAgain() {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    var arguments = CommandLine.arguments.map { strdup($0) }
    arguments.append(nil)
    execv("/proc/self/exe", arguments)
    print("cannot start again: \(String(cString: strerror(errno)))")
    exit(1)
  }
}

extension HistoryReport {
  mutating func add(_ other: HistoryReport) {
    acknowledged += other.acknowledged
    finished += other.finished
    starts += other.starts
    kills += other.kills
    powerLosses += other.powerLosses
    cleanStops += other.cleanStops
    fenced += other.fenced
  }

  var words: String {
    "\(acknowledged) acknowledged, \(finished) finished, \(starts) attempts, \(kills) kills, "
      + "\(powerLosses) losses of power, \(cleanStops) stops, \(fenced) answers fenced"
  }
}
