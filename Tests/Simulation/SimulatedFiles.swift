// The VFS in front of simulated disks: paths below its root are theirs, all others are left to the
// system's. Its functions are C's, so what an open file is hangs on a pointer.
import GRDBSQLite
import Glibc

enum SimulatedFiles {
  static let root = "/simulated-disks/"

  /// What hangs on SQLite's file.
  final class Handle {
    let disk: SimulatedDisk
    let name: String
    let isTransient: Bool
    var lock: Int32 = SQLITE_LOCK_NONE
    var memory: SharedMemory?

    init(_ disk: SimulatedDisk, _ name: String, isTransient: Bool) {
      self.disk = disk
      self.name = name
      self.isTransient = isTransient
    }

    var id: ObjectIdentifier { ObjectIdentifier(self) }
  }

  /// The first field is SQLite's own.
  private struct OpenFile {
    var base: sqlite3_file
    var handle: UnsafeMutableRawPointer?
  }

  static func register() { _ = registered }

  nonisolated(unsafe) private static var system: UnsafeMutablePointer<sqlite3_vfs>?
  nonisolated(unsafe) private static let methods = makeMethods()

  /// Once for the process; what it makes lives as long.
  private static let registered: Bool = {
    guard let found = sqlite3_vfs_find(nil) else { preconditionFailure("SQLite has no VFS") }
    system = found
    let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    // Time, randomness and the rest are the system's.
    vfs.initialize(to: found.pointee)
    vfs.pointee.pNext = nil
    vfs.pointee.zName = UnsafePointer(strdup("simulated"))
    vfs.pointee.szOsFile = max(
      found.pointee.szOsFile, Int32(MemoryLayout<OpenFile>.stride))
    vfs.pointee.mxPathname = found.pointee.mxPathname
    vfs.pointee.xOpen = { vfs, path, file, flags, outFlags in
      SimulatedFiles.open(path, file, flags, outFlags)
    }
    vfs.pointee.xDelete = { vfs, path, syncs in SimulatedFiles.delete(path, syncs) }
    vfs.pointee.xAccess = { vfs, path, flags, out in SimulatedFiles.access(path, flags, out) }
    vfs.pointee.xFullPathname = { vfs, path, size, out in
      SimulatedFiles.fullPath(path, size, out)
    }
    let code = sqlite3_vfs_register(vfs, 1)
    precondition(code == SQLITE_OK, "the simulated VFS is not registered: \(code)")
    return true
  }()

  private static func handle(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Handle {
    let open = UnsafeMutableRawPointer(file)?.assumingMemoryBound(to: OpenFile.self)
    guard let raw = open?.pointee.handle else { preconditionFailure("a file that is not open") }
    return Unmanaged<Handle>.fromOpaque(raw).takeUnretainedValue()
  }

  // MARK: The file system

  /// As a disk knows it, wherever it is mounted.
  private static func baseName(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  private static func open(
    _ path: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
    _ outFlags: UnsafeMutablePointer<Int32>?
  ) -> Int32 {
    let name = path.map { String(cString: $0) } ?? ""
    guard name.hasPrefix(root) else {
      return system?.pointee.xOpen(system, path, file, flags, outFlags) ?? SQLITE_ERROR
    }
    guard let file, let disk = SimulatedDisk.at(name), !disk.isCutOff else {
      file?.pointee.pMethods = nil
      return SQLITE_CANTOPEN
    }
    let base = baseName(name)
    if disk.image.files[base] == nil {
      guard flags & SQLITE_OPEN_CREATE != 0 else {
        file.pointee.pMethods = nil
        return SQLITE_CANTOPEN
      }
      disk.make(base)
    }
    let handle = Handle(disk, base, isTransient: flags & SQLITE_OPEN_DELETEONCLOSE != 0)
    disk.openFiles += 1
    let open = UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self)
    open.pointee.handle = Unmanaged.passRetained(handle).toOpaque()
    file.pointee.pMethods = UnsafePointer(methods)
    outFlags?.pointee = flags
    return SQLITE_OK
  }

  private static func delete(_ path: UnsafePointer<CChar>?, _ syncs: Int32) -> Int32 {
    let name = path.map { String(cString: $0) } ?? ""
    guard name.hasPrefix(root) else {
      return system?.pointee.xDelete(system, path, syncs) ?? SQLITE_ERROR
    }
    return SimulatedDisk.at(name)?.remove(baseName(name)) ?? IOError.failedDelete
  }

  private static func access(
    _ path: UnsafePointer<CChar>?, _ flags: Int32, _ out: UnsafeMutablePointer<Int32>?
  ) -> Int32 {
    let name = path.map { String(cString: $0) } ?? ""
    guard name.hasPrefix(root) else {
      return system?.pointee.xAccess(system, path, flags, out) ?? SQLITE_ERROR
    }
    let file = SimulatedDisk.at(name)?.image.files[baseName(name)]
    out?.pointee =
      file == nil || flags == SQLITE_ACCESS_EXISTS && file?.bytes.isEmpty == true ? 0 : 1
    return SQLITE_OK
  }

  private static func fullPath(
    _ path: UnsafePointer<CChar>?, _ size: Int32, _ out: UnsafeMutablePointer<CChar>?
  ) -> Int32 {
    let name = path.map { String(cString: $0) } ?? ""
    guard name.hasPrefix(root) else {
      return system?.pointee.xFullPathname(system, path, size, out) ?? SQLITE_ERROR
    }
    guard let path, let out, name.utf8.count < Int(size) else { return SQLITE_CANTOPEN }
    out.update(from: path, count: name.utf8.count + 1)
    return SQLITE_OK
  }

  // MARK: One file

  private static func makeMethods() -> UnsafeMutablePointer<sqlite3_io_methods> {
    let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    var table = sqlite3_io_methods()
    table.iVersion = 2
    table.xClose = { SimulatedFiles.close($0) }
    table.xRead = { file, target, count, offset in
      SimulatedFiles.handle(file).read(target, count, offset)
    }
    table.xWrite = { file, source, count, offset in
      let handle = SimulatedFiles.handle(file)
      let bytes = UnsafeRawBufferPointer(start: source, count: Int(count))
      return handle.disk.write(handle.name, bytes, at: Int(offset))
    }
    table.xTruncate = { file, size in
      let handle = SimulatedFiles.handle(file)
      return handle.disk.truncate(handle.name, to: Int(size))
    }
    table.xSync = { file, _ in
      let handle = SimulatedFiles.handle(file)
      return handle.disk.sync(handle.name)
    }
    table.xFileSize = { file, out in
      let handle = SimulatedFiles.handle(file)
      out?.pointee = sqlite3_int64(handle.disk.image.files[handle.name]?.bytes.count ?? 0)
      return SQLITE_OK
    }
    table.xLock = { file, level in SimulatedFiles.handle(file).lock(level) }
    table.xUnlock = { file, level in SimulatedFiles.handle(file).unlock(level) }
    table.xCheckReservedLock = { file, out in
      out?.pointee = SimulatedFiles.handle(file).othersHold(SQLITE_LOCK_RESERVED) ? 1 : 0
      return SQLITE_OK
    }
    table.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
    table.xSectorSize = { _ in 512 }
    // As SQLite takes it of Linux's file systems: a write does not harm the bytes beside it.
    table.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
    table.xShmMap = { file, region, size, extends, out in
      SimulatedFiles.handle(file).map(Int(region), Int(size), extends != 0, out)
    }
    table.xShmLock = { file, first, count, flags in
      SimulatedFiles.handle(file).shareLock(Int(first), Int(count), flags)
    }
    table.xShmBarrier = { _ in }
    table.xShmUnmap = { file, _ in SimulatedFiles.handle(file).unmap() }
    methods.initialize(to: table)
    return methods
  }

  private static func close(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Int32 {
    let open = UnsafeMutableRawPointer(file)?.assumingMemoryBound(to: OpenFile.self)
    guard let raw = open?.pointee.handle else { return SQLITE_OK }
    open?.pointee.handle = nil
    let handle = Unmanaged<Handle>.fromOpaque(raw).takeRetainedValue()
    _ = handle.unlock(SQLITE_LOCK_NONE)
    _ = handle.unmap()
    if handle.isTransient { _ = handle.disk.remove(handle.name) }
    handle.disk.openFiles -= 1
    return SQLITE_OK
  }
}

extension SimulatedFiles.Handle {
  func read(_ target: UnsafeMutableRawPointer?, _ count: Int32, _ offset: Int64) -> Int32 {
    let bytes = UnsafeMutableRawBufferPointer(start: target, count: Int(count))
    return disk.read(name, into: bytes, at: Int(offset))
  }

  // MARK: Locks of the file

  func othersHold(_ level: Int32) -> Bool {
    disk.locks[name]?.contains { $0.key != id && $0.value >= level } ?? false
  }

  func lock(_ level: Int32) -> Int32 {
    guard level > lock else { return SQLITE_OK }
    let isTaken =
      switch level {
      case SQLITE_LOCK_SHARED: othersHold(SQLITE_LOCK_PENDING)
      case SQLITE_LOCK_EXCLUSIVE: othersHold(SQLITE_LOCK_SHARED)
      default: othersHold(SQLITE_LOCK_RESERVED)
      }
    guard !isTaken else { return SQLITE_BUSY }
    lock = level
    disk.locks[name, default: [:]][id] = level
    return SQLITE_OK
  }

  func unlock(_ level: Int32) -> Int32 {
    guard level < lock else { return SQLITE_OK }
    lock = level
    disk.locks[name]?[id] = level == SQLITE_LOCK_NONE ? nil : level
    return SQLITE_OK
  }

  // MARK: Shared memory

  func map(
    _ region: Int, _ size: Int, _ extends: Bool,
    _ out: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) -> Int32 {
    let memory = attach()
    while memory.regions.count <= region {
      guard extends else {
        out?.pointee = nil
        return SQLITE_OK
      }
      let space = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
      space.initializeMemory(as: UInt8.self, repeating: 0, count: size)
      memory.regions.append(space)
    }
    out?.pointee = memory.regions[region]
    return SQLITE_OK
  }

  private func attach() -> SharedMemory {
    if let memory { return memory }
    let memory = disk.shared[name] ?? SharedMemory()
    disk.shared[name] = memory
    memory.users += 1
    self.memory = memory
    return memory
  }

  func shareLock(_ first: Int, _ count: Int, _ flags: Int32) -> Int32 {
    let memory = attach()
    let slots = first..<first + count
    if flags & SQLITE_SHM_UNLOCK != 0 {
      for slot in slots {
        if memory.exclusive[slot] == id { memory.exclusive[slot] = nil }
        memory.readers[slot].remove(id)
      }
      return SQLITE_OK
    }
    let isExclusive = flags & SQLITE_SHM_EXCLUSIVE != 0
    for slot in slots {
      if let holder = memory.exclusive[slot], holder != id { return SQLITE_BUSY }
      if isExclusive, memory.readers[slot].contains(where: { $0 != id }) { return SQLITE_BUSY }
    }
    for slot in slots {
      if isExclusive { memory.exclusive[slot] = id } else { memory.readers[slot].insert(id) }
    }
    return SQLITE_OK
  }

  func unmap() -> Int32 {
    guard let memory else { return SQLITE_OK }
    for slot in 0..<SharedMemory.slots {
      if memory.exclusive[slot] == id { memory.exclusive[slot] = nil }
      memory.readers[slot].remove(id)
    }
    memory.users -= 1
    if memory.users == 0 { disk.shared[name] = nil }
    self.memory = nil
    return SQLITE_OK
  }
}
