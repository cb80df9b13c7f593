// What one server takes from strangers, and for how long it waits for them. Every number is a
// maximum that is still allowed; the answer to one past it stands beside it.

package struct HTTPLimits: Sendable {
  /// The line "METHOD target HTTP/1.1" without its line end; past it: 414.
  package var requestLineBytesMax = 8 * 1024
  /// All header lines with their line ends; past it: 431.
  package var headerBytesMax = 32 * 1024
  /// Header lines of one request; past it: 431.
  ///
  /// Trailers may add as many again.
  package var headerCountMax = 100
  /// Chunk sizes, chunk extensions and trailers of one chunked body, beyond eight bytes for each
  /// byte of body; past it: 400.
  ///
  /// A body of nothing but extensions ends here.
  package var chunkOverheadBytesMax = 16 * 1024
  /// Bodies of refused requests up to this length are read and thrown away, so that the connection
  /// lives on; longer ones cost the connection.
  package var refusedBodyBytesMax = 64 * 1024

  /// Open connections of one server, all listeners together; past it: 503 and closed.
  package var connectionsMax = 10_000
  /// The same for one client address; connections over Unix sockets are not counted; past it: 503.
  package var connectionsPerAddressMax = 4_096
  /// Requests of one connection handed to the responder and not yet answered.
  ///
  /// At it the connection is not read until an answer is out.
  package var pipelinedRequestsMax = 64

  /// Answered bytes of one connection that its client has not taken, answers held back for order
  /// included.
  ///
  /// A stream that passes it is cut; a single larger answer becomes a 500. Whole answers to
  /// pipelined requests may together reach twice as much; past that the connection is dropped.
  package var unsentBytesMax = 16 * 1024 * 1024
  /// With more unsent bytes than this, a connection's next requests are not read.
  package var unsentBytesBeforePause = 256 * 1024

  /// From a request's first byte (from the connection for its first request) to the end of its
  /// head; past it: 408, or closed in silence if nothing came.
  package var headerTimeout: Duration = .seconds(10)
  /// Without one byte of a body that has begun; past it: 408.
  package var bodyTimeout: Duration = .seconds(30)
  /// A body that has begun must keep this pace, `bodyTimeout` ahead; past it: 408.
  ///
  /// A byte now and then would otherwise hold a connection, and what it has sent, for ever.
  package var bodyBytesPerSecondMin = 512
  /// Bytes of all bodies of one server that are not whole yet; past it: 503 for the one that grows.
  package var arrivingBytesMax = 256 * 1024 * 1024
  /// Idle between two requests; past it: closed in silence.
  package var keepAliveTimeout: Duration = .seconds(75)
  /// A client that takes not one byte of what waits for it; past it: closed.
  package var sendTimeout: Duration = .seconds(60)
  /// After the last answer: how long the client may take to see it and close, before we do.
  package var lingerTimeout: Duration = .seconds(2)

  package init() {}
}

extension HTTPLimits {
  /// How often all connections are looked at: an eighth of the shortest time limit, so that a limit
  /// is passed by that much at most; at least 5 ms, at most a second.
  var sweepInterval: Duration {
    let shortest = min(headerTimeout, bodyTimeout, keepAliveTimeout, sendTimeout, lingerTimeout)
    return max(.milliseconds(5), min(.seconds(1), shortest / 8))
  }
}

extension Duration {
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    return UInt64(max(0, seconds)) * 1_000_000_000 + UInt64(max(0, attoseconds) / 1_000_000_000)
  }
}
