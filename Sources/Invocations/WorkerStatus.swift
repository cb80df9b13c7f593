// A worker process as people see it: what it runs, how busy it is, what it costs.

package struct WorkerStatus: Sendable, Equatable {
  package var pid: Int32
  /// The path of what it executes.
  package var executable: String
  /// Nil where releases are not kept.
  package var release: Int?
  /// The functions whose attempts it runs.
  package var functions: [String]
  /// `starting`, `ready` or `leaving`.
  package var state: String
  package var startedAt: WallTime?
  /// Attempts that it runs now.
  package var inFlight: Int
  /// Attempts that it was given since its start.
  package var attempts: Int
  package var memoryBytes: Int64
  /// The most that it ever had at once.
  package var memoryPeakBytes: Int64
  package var cpuMicroseconds: Int64
  /// What it may have; above it is replaced.
  package var memoryBytesMax: Int

  package init(
    pid: Int32, executable: String, release: Int?, functions: [String], state: String,
    startedAt: WallTime?, inFlight: Int, attempts: Int, memoryBytes: Int64 = 0,
    memoryPeakBytes: Int64 = 0, cpuMicroseconds: Int64 = 0,
    memoryBytesMax: Int = FunctionLimits().memoryBytes
  ) {
    self.pid = pid
    self.executable = executable
    self.release = release
    self.functions = functions
    self.state = state
    self.startedAt = startedAt
    self.inFlight = inFlight
    self.attempts = attempts
    self.memoryBytes = memoryBytes
    self.memoryPeakBytes = memoryPeakBytes
    self.cpuMicroseconds = cpuMicroseconds
    self.memoryBytesMax = memoryBytesMax
  }
}
