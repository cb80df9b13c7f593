import EventLoop
package import Invocations
extension ProcessWorkerPool {
  package func start(batch: [Assignment]) -> Int32 { batch.map(start).last ?? 0 }
}
