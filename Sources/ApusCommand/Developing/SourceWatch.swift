// Watches folders and all the folders in them. Many changes at once are told once, a moment after
// the last of them; folders that come are watched, and folders that go are let go.

import EventLoop
import Glibc

@LoopActor
final class SourceWatch<Topic: Hashable & Sendable> {
  struct Root: Sendable {
    var directory: String
    var topic: Topic
    /// Which names in it are worth a change; nil where the kernel gave none.
    var accepts: @Sendable (String?) -> Bool
    var isRecursive = true
  }

  /// The kernel has a limit of its own (fs.inotify.max_user_watches).
  nonisolated static var directoriesMax: Int { 1024 }
  /// Editors write a file in several steps.
  private let quietTime = Duration.milliseconds(100)

  private struct Watched {
    var watcher: FileWatcher
    var inode: UInt
  }

  private let roots: [Root]
  private let changed: (Set<Topic>) -> Void
  private var watched: [String: Watched] = [:]
  private var pending: Set<Topic> = []
  private var timer: LoopTimer?

  /// Folders that cannot be watched, with the reason; told once each.
  private(set) var faults: [String: String] = [:]

  init(_ roots: [Root], changed: @escaping (Set<Topic>) -> Void) {
    self.roots = roots
    self.changed = changed
    timer = LoopTimer { self.settle() }
    rescan()
  }

  private func saw(_ name: String?, in directory: String, _ root: Root) {
    let isFolder = name.map { Files.isDirectory("\(directory)/\($0)", followingLinks: false) }
    // Of a missing root only its own name counts, in the folder that will hold it.
    let isRootItself = directory != root.directory && !directory.hasPrefix(root.directory + "/")
    let counts =
      isRootItself
      ? name == nil || root.directory.hasSuffix(name ?? "")
      : root.accepts(name) || (isFolder == true && name?.hasPrefix(".") == false)
    guard counts else { return }
    pending.insert(root.topic)
    let nanoseconds = UInt64(quietTime / .nanoseconds(1))
    timer?.arm(atMonotonic: EventLoop.shared.now + nanoseconds)
  }

  /// Watches what is new before it tells, so that nothing changes unseen in between.
  private func settle() {
    rescan()
    let topics = pending
    pending = []
    if !topics.isEmpty { changed(topics) }
  }

  private func rescan() {
    var present: [String: (root: Root, inode: UInt)] = [:]
    for root in roots {
      for (path, inode) in directories(of: root) where present[path] == nil {
        present[path] = (root, inode)
      }
    }
    for (path, old) in watched where present[path]?.inode != old.inode {
      old.watcher.close()
      watched[path] = nil
    }
    for (path, place) in present where watched[path] == nil {
      watch(path, place.root, place.inode)
    }
  }

  private func watch(_ path: String, _ root: Root, _ inode: UInt) {
    guard watched.count < Self.directoriesMax else {
      faults[root.directory] = "more than \(Self.directoriesMax) folders; the rest is not watched"
      return
    }
    do throws(LoopFault) {
      let watcher = try FileWatcher(directory: path) { [weak self] name in
        self?.saw(name, in: path, root)
      }
      watched[path] = Watched(watcher: watcher, inode: inode)
    } catch { faults[path] = "\(error)" }
  }

  /// The root and the folders in it, links and hidden ones left out.
  ///
  /// A root that is not there yet is awaited in the folder that will hold it.
  private func directories(of root: Root) -> [(String, UInt)] {
    guard let status = Files.status(root.directory), status.st_mode & S_IFMT == S_IFDIR else {
      let parent = root.directory.split(separator: "/").dropLast().joined(separator: "/")
      let holder = root.directory.hasPrefix("/") ? "/\(parent)" : parent.isEmpty ? "." : parent
      return Files.status(holder).map { [(holder, UInt($0.st_ino))] } ?? []
    }
    var found = [(root.directory, UInt(status.st_ino))]
    guard root.isRecursive else { return found }
    var index = 0
    while index < found.count, found.count <= Self.directoriesMax {
      let directory = found[index].0
      index += 1
      for name in Files.names(in: directory) where !name.hasPrefix(".") {
        let path = "\(directory)/\(name)"
        guard let status = Files.status(path, followingLinks: false),
          status.st_mode & S_IFMT == S_IFDIR
        else { continue }
        found.append((path, UInt(status.st_ino)))
      }
    }
    return found
  }
}

enum SourceNames {
  /// Not what editors leave beside a file while they write it.
  static func isSource(_ name: String?) -> Bool {
    guard let name else { return true }
    return !name.hasPrefix(".") && !name.hasSuffix("~") && name != "4913"
      && ![".swp", ".swx", ".tmp"].contains { name.hasSuffix($0) }
  }

  static func isManifest(_ name: String?) -> Bool {
    guard let name else { return true }
    return !name.hasPrefix(".") && (name.hasSuffix(".yaml") || name.hasSuffix(".yml"))
  }
}
