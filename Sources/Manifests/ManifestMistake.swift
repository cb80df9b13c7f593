// What is wrong in a manifest and where, in the form that compilers use, so that editors and CI can
// jump to it. A mistake never stops the search for the others.

/// A place in a manifest.
///
/// Lines and columns count from 1, columns in Unicode scalars; line 0 stands
/// for the whole file or directory.
package struct ManifestLocation: Sendable, Hashable, CustomStringConvertible {
  package var file: String
  package var line: Int
  package var column: Int

  package init(file: String, line: Int = 0, column: Int = 0) {
    self.file = file
    self.line = line
    self.column = column
  }

  package var description: String { line == 0 ? file : "\(file):\(line)" }
}

package struct ManifestMistake: Error, Equatable, Hashable, Sendable, CustomStringConvertible {
  package var file: String
  package var line: Int
  package var column: Int
  package var message: String

  package init(file: String, line: Int = 0, column: Int = 0, message: String) {
    self.file = file
    self.line = line
    self.column = column
    self.message = message
  }

  package init(at location: ManifestLocation, _ message: String) {
    self.init(
      file: location.file, line: location.line, column: location.column, message: message)
  }

  package var description: String {
    line == 0 ? "\(file): \(message)" : "\(file):\(line):\(column): \(message)"
  }
}

/// Every mistake of a set of manifests, in the order of files and lines, each once.
package struct ManifestMistakes: Error, Equatable, Sendable, CustomStringConvertible {
  package let list: [ManifestMistake]

  package init(_ mistakes: [ManifestMistake]) {
    // An alias shows the mistakes of its anchor a second time, at the same place.
    list = Set(mistakes).sorted {
      ($0.file, $0.line, $0.column, $0.message) < ($1.file, $1.line, $1.column, $1.message)
    }
  }

  /// One mistake a line.
  package var description: String { list.map(\.description).joined(separator: "\n") }
}
