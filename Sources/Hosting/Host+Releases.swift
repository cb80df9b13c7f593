// Releases as the doors see them: the desk's answers, and the shelf behind the clerk's thread.

package import Doors
import EventLoop
package import Invocations
import Records
import Releases

extension Host {
  package var liveRelease: Int? { releases?.live.number }

  package func deploy(
    _ deployment: Deployment,
    then: @escaping @LoopActor (Result<DeploymentReport, DeploymentRefusal>) -> Void
  ) {
    guard let releases else { return then(.failure(.filesAreLive)) }
    Task { @LoopActor in then(await releases.deploy(deployment)) }
  }

  package func releases(
    before number: Int?, limit: Int,
    then: @escaping @LoopActor (Result<[ReleaseLine], InspectionFault>) -> Void
  ) {
    store.releases(before: number, limit: limit) { outcome in
      EventLoop.shared.submit { then(outcome.mapError(InspectionFault.init)) }
    }
  }

  package func release(
    _ number: Int, then: @escaping @LoopActor (Result<ReleaseLine?, InspectionFault>) -> Void
  ) {
    store.release(number) { outcome in
      EventLoop.shared.submit { then(outcome.mapError(InspectionFault.init)) }
    }
  }

  /// Nil where the files themselves are live, and nothing is kept.
  package func shelve(
    _ part: ExecutablePart?, of hash: String,
    then: @escaping @LoopActor (Result<ShelvedExecutable, ShelfFault>?) -> Void
  ) {
    guard let releases else { return then(nil) }
    let shelf = releases.shelf
    let isTaken = releases.clerk.add {
      let outcome: Result<ShelvedExecutable, ShelfFault>
      do throws(ShelfFault) {
        outcome = .success(
          try part.map { part throws(ShelfFault) in try shelf.add(part) }
            ?? shelf.status(of: hash))
      } catch { outcome = .failure(error) }
      EventLoop.shared.submit { then(outcome) }
    }
    if !isTaken { then(.failure(.busy)) }
  }
}
