// The files of a new package, and their way to disk: into a folder beside, then by one rename.

import Glibc

struct NewPackage {
  struct File: Equatable {
    let path: String
    let text: String
  }

  let files: [File]

  init(name: PackageName, apus: ApusSource) {
    files = NewPackageTexts(name: name, apus: apus).files
  }

  /// Refuses a folder that holds anything.
  func write(to folder: String) throws(CommandFault) {
    if Files.status(folder, followingLinks: false) != nil {
      guard Files.isDirectory(folder, followingLinks: false), Files.names(in: folder).isEmpty else {
        throw .badInput(
          "'\(folder)' is there already and not empty; choose another name, or move it away")
      }
    }
    do throws(Files.Fault) {
      let draft = try Files.makeTemporaryFolder(beside: folder)
      do throws(Files.Fault) {
        for file in files { try Files.write(file.text, to: "\(draft)/\(file.path)") }
        guard rename(draft, folder) == 0 else { throw Files.Fault(folder, errno) }
      } catch {
        Files.removeAll(draft)
        throw error
      }
    } catch { throw .failed("'\(error.path)' cannot be written: \(error.reason)") }
  }
}
