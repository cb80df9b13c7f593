// Runs one fuzz target. Built with `--sanitize=fuzzer` and FUZZING, libFuzzer is the program and asks
// here for each input; built without, it runs the mutator's inputs, blind to what they reach:
// `Fuzz TARGET [INPUTS [SEED]]`, `Fuzz TARGET FILE…`.

import Foundation
import Fuzzing

#if FUZZING

  private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget.named(name) else {
      fatalError("set FUZZ_TARGET to one of \(FuzzTarget.all.map(\.name))")
    }
    return target
  }()

  /// libFuzzer keeps the input of a trap in a file.
  @_cdecl("LLVMFuzzerTestOneInput")
  func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
      try target.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
      fatalError("\(target.name): \(error)")
    }
    return 0
  }

#else

  @main
  enum Fuzz {
    static func main() throws {
      let words = CommandLine.arguments.dropFirst()
      guard let name = words.first, let target = FuzzTarget.named(name) else {
        return print(FuzzTarget.all.map(\.name).joined(separator: "\n"))
      }
      let rest = words.dropFirst()
      if let first = rest.first, Int(first) == nil {
        for file in rest { check([UInt8](try Data(contentsOf: URL(filePath: file))), file, target) }
        return
      }
      let numbers = rest.compactMap { UInt64($0) }
      let mutator = Mutator(try FuzzCorpus(of: target))
      let first = numbers.dropFirst().first ?? 1
      for seed in first..<first + (numbers.first ?? 100_000) {
        check(mutator.input(seed: seed), "seed \(seed)", target)
      }
    }

    private static func check(_ bytes: [UInt8], _ place: String, _ target: FuzzTarget) {
      do {
        try target.check(bytes)
      } catch {
        print("\(target.name), \(place): \(error)\n\(bytes)")
        exit(EXIT_FAILURE)
      }
    }
  }

#endif
