// Where a test's manifests come from. They are read by the reader that `apus check` uses.

import Glibc
import Invocations
import Manifests

/// Where a ``TestHost`` finds its manifests.
public struct TestManifests: Sendable, ExpressibleByStringLiteral {
  private enum Place: Sendable {
    case found
    case folder(String)
    case texts([String])
  }

  private let place: Place

  /// The folder `Manifests` beside the test's file or above it, the nearest one.
  public static let found = TestManifests(place: .found)

  /// The `*.yaml` of a folder.
  public static func folder(_ path: String) -> TestManifests {
    TestManifests(place: .folder(path))
  }

  /// Manifests written in the test itself, each text with one document or several.
  public static func yaml(_ texts: String...) -> TestManifests {
    TestManifests(place: .texts(texts))
  }

  /// A manifest written in the test itself.
  public init(stringLiteral text: String) { self.init(place: .texts([text])) }

  private init(place: Place) { self.place = place }

  func read(besides file: String, now: WallTime) throws(TestFault) -> ManifestSet {
    let result: Result<ManifestSet, ManifestMistakes>
    switch place {
    case .found:
      result = ManifestReader.read(directory: try Self.nearest(to: file), now: now)
    case .folder(let path): result = ManifestReader.read(directory: path, now: now)
    case .texts(let texts):
      let sources = texts.enumerated().map {
        ManifestSource(path: "manifest \($0.offset + 1)", text: $0.element)
      }
      result = ManifestReader.read(sources, now: now)
    }
    switch result {
    case .success(let set): return set
    case .failure(let mistakes): throw .manifests("\(mistakes)")
    }
  }

  private static func nearest(to file: String) throws(TestFault) -> String {
    var folder = file[...]
    while let slash = folder.lastIndex(of: "/") {
      folder = folder[..<slash]
      let candidate = "\(folder)/Manifests"
      var status = stat()
      if stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return candidate }
    }
    throw .manifests(
      "there is no folder 'Manifests' beside \(file) or above it; name one with "
        + "manifests: .folder(\"…\"), or write them in the test with manifests: .yaml(\"…\")")
  }
}
