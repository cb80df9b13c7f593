// How the descriptors of the process are shared out: a door that is flooded takes its own share and
// no more, so that the store, the workers and the operator's doors always find some.

import Glibc
import HTTP

struct DescriptorBudget: Equatable {
  /// What the process may have open at once.
  let limit: Int

  /// More would only make the kernel's tables larger.
  private static let wanted = 65_536

  init(limit: Int) { self.limit = limit }

  /// Raises the soft limit as far as the hard one allows.
  ///
  /// Many systems start a process with 1024, for programs of old that could not count further.
  static func raised() -> DescriptorBudget {
    var limits = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limits) == 0 else { return DescriptorBudget(limit: 1_024) }
    let wished = min(limits.rlim_max, rlim_t(wanted))
    if limits.rlim_cur < wished {
      let before = limits.rlim_cur
      limits.rlim_cur = wished
      // A system that refuses leaves us with what we had.
      if setrlimit(resource, &limits) != 0 { limits.rlim_cur = before }
    }
    return DescriptorBudget(limit: Int(min(limits.rlim_cur, rlim_t(wanted))))
  }

  /// The function door has what the others leave, and they come first.
  var functionDoor: HTTPLimits {
    let others = reserve + controlConnections + localConnections
    return limits(connections: max(16, min(10_000, limit - others)))
  }

  /// Over TCP: senders of events are there too.
  var controlDoor: HTTPLimits { limits(connections: controlConnections) }

  /// The Unix socket, where nobody comes from outside.
  var localDoor: HTTPLimits { limits(connections: localConnections) }

  /// Never for connections that are kept: the store's files, listeners, three for each worker, and up to
  /// 64 connections of one turn that are told that there is no room.
  private var reserve: Int { max(128, min(1_024, limit / 4)) }
  private var controlConnections: Int { max(16, min(4_096, limit * 3 / 16)) }
  private var localConnections: Int { max(8, min(512, limit / 16)) }

  private func limits(connections: Int) -> HTTPLimits {
    var limits = HTTPLimits()
    limits.connectionsMax = connections
    limits.connectionsPerAddressMax = min(limits.connectionsPerAddressMax, connections)
    return limits
  }
}
