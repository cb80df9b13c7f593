// What a child may have of the machine. It is set between fork and exec, so that nothing of the child's
// own program has run before; which child gets which limits is decided elsewhere.
import CConfine
import CLibuv
import Glibc

package struct Confinement: Sendable, Equatable {
  package struct User: Sendable, Equatable {
    package var id: UInt32
    package var group: UInt32

    package init(id: UInt32, group: UInt32) {
      self.id = id
      self.group = group
    }
  }

  /// SIGKILL for the child when this process ends, however it ends.
  package var endsWithParent = false
  /// Nothing that it executes gives it more rights, such as a program with a set-user-ID bit.
  package var hasNoNewPrivileges = false
  /// Nil is the user of this process; only root may name another one.
  ///
  /// The child has that user's group and no other.
  package var user: User?
  /// Of a core file; nil leaves the limit as it is, here and below.
  package var coreBytesMax: Int?
  package var descriptorsMax: Int?
  /// The kernel counts processes and threads of the whole user, and does not limit root.
  package var processesMax: Int?
  /// Memory of its own that it may ask for: past that an allocation fails, which ends a Swift program
  /// where it stands.
  package var dataBytesMax: Int?

  package init() {}

  /// True where nothing is asked for.
  var isNone: Bool { self == Confinement() }

  /// `fork` is called with these rules in force for the children of this thread.
  func whileForking<Result>(_ fork: () -> Result) -> Result {
    guard !isNone else { return fork() }
    var rules = rules
    return withUnsafePointer(to: &rules) { rules in
      // The system has refused to be told of forks only when it had no memory left for a few bytes.
      precondition(cconfine_enter(rules), "children cannot be confined: the system refuses")
      defer { cconfine_leave() }
      return fork()
    }
  }

  private var rules: cconfine_rules {
    func limit(_ value: Int?) -> UInt64 { value.map { UInt64(max(0, $0)) } ?? .max }
    return cconfine_rules(
      ends_with_parent: endsWithParent, no_new_privileges: hasNoNewPrivileges,
      changes_user: user != nil, user: user?.id ?? 0, group: user?.group ?? 0,
      core_bytes: limit(coreBytesMax), descriptors: limit(descriptorsMax),
      processes: limit(processesMax), data_bytes: limit(dataBytesMax))
  }
}
