// The user that workers run as, where the host runs as root: looked up once, before anything starts,
// and let in to what a worker needs of the data directory, which is the way to its executable.
import EventLoop
import Glibc
import Workers

package struct WorkerUser: Sendable, Equatable {
  package let name: String
  package let id: UInt32
  package let group: UInt32
  package let home: String

  /// The kernel counts all workers of the user together, and their threads.
  static let processesMax = 4_096

  package init(_ name: String) throws(HostFault) {
    guard geteuid() == 0 else {
      throw .workerUser(
        "only root may run workers as another user: start the host as root, or leave "
          + "--worker-user out")
    }
    guard let entry = getpwnam(name) else {
      throw .workerUser(
        "there is no user '\(name)' to run workers as; make one: useradd --system \(name)")
    }
    guard entry.pointee.pw_uid != 0 else {
      throw .workerUser("workers cannot run as '\(name)', which is root; name another user")
    }
    self.name = name
    id = entry.pointee.pw_uid
    group = entry.pointee.pw_gid
    home = String(cString: entry.pointee.pw_dir)
  }

  /// The user's group may pass through the directory; nothing in it becomes readable by that.
  func letIn(to dataDirectory: String) throws(HostFault) {
    guard chown(dataDirectory, .max, group) == 0, chmod(dataDirectory, 0o710) == 0 else {
      throw .notWritable(path: dataDirectory, reason: String(cString: strerror(errno)))
    }
    guard let real = realpath(dataDirectory, nil) else {
      throw .notWritable(path: dataDirectory, reason: String(cString: strerror(errno)))
    }
    defer { free(real) }
    var path = String(cString: real)
    while let slash = path.lastIndex(of: "/") {
      path = String(path[..<slash])
      try checkPassage(through: path.isEmpty ? "/" : path)
    }
  }

  private func checkPassage(through folder: String) throws(HostFault) {
    var status = stat()
    guard stat(folder, &status) == 0 else { return }
    let bit: mode_t =
      if status.st_uid == id { S_IXUSR } else if status.st_gid == group { S_IXGRP } else { S_IXOTH }
    guard status.st_mode & bit == 0 else { return }
    throw .workerUser(
      "workers cannot run as '\(name)': that user may not pass through \(folder), where the data "
        + "directory is; use another --data, or: chmod o+x \(folder)")
  }
}

extension WorkerSettings {
  mutating func confine(_ settings: HostSettings) {
    if settings.keepsCoreFiles { confinement.coreBytesMax = nil }
    guard let user = settings.workerUser else { return }
    confinement.user = Confinement.User(id: user.id, group: user.group)
    confinement.processesMax = WorkerUser.processesMax
    // The host's own is closed to them.
    passedThrough["HOME"] = user.home
  }
}
