// Filters of listings and actions: what is kept of one selects the same later.

import Invocations
import Testing

@testable import Doors

struct RequestQueryTests {
  private let now = WallTime(milliseconds: 1_800_000_000_000)

  @Test(arguments: [
    "since=2h&until=2028-01-01T00:00:00Z&function=a", "since=36500000s", "since=36500000d",
    "since=0000-01-01T00:00:00%2B23:59", "until=9999-12-31T23:59:59.999-23:59",
    "where=data.a%3Db%3Dc&where=subject%3D", "state=dead,queued&reason=exhausted",
    "text=a+b%26c&key=%22&event=%C3%A9&fingerprint=0123456789&release=7",
  ])
  func `what an action keeps of a filter selects the same a day later`(query: String) throws {
    let filter = try RequestQuery(query, allowed: RequestQuery.filters)
    let kept = filter.kept(try filter.filter(now: now))
    let later = try RequestQuery(kept).filter(now: now + .seconds(86_400))
    #expect(try filter.filter(now: now) == later)
  }

  @Test(arguments: [
    ("nothing=1", "unknown-parameter"), ("limit=1&limit=2", "repeated-parameter"),
    ("key=%zz", "bad-parameter"), ("key=%2", "bad-parameter"), ("key=%ff", "bad-parameter"),
    ("limit=0", "bad-parameter"), ("limit=1001", "bad-parameter"), ("cursor=x", "bad-cursor"),
    ("state=new", "bad-parameter"), ("since=tomorrow", "bad-parameter"),
    ("since=1h&until=2h", "bad-parameter"), ("release=0", "bad-parameter"),
    ("where=data.a", "bad-parameter"), ("fingerprint=1", "bad-parameter"),
  ])
  func `what a filter cannot be is refused by its code`(query: String, code: String) {
    do throws(RequestFault) {
      _ = try RequestQuery(query, allowed: RequestQuery.filters).filter(now: now)
      Issue.record("\(query) was taken")
    } catch { #expect(error.code == code, "\(error.detail)") }
  }
}
