// When a certificate's end is told.

import Testing

@testable import Hosting

struct ExpiryNoticeTests {
  private let day: Int64 = 86_400_000

  @Test func `it is told 14, 3 and 1 days before, and at the end, once each`() {
    var notice = ExpiryNotice()
    let looks: [(Int64, ExpiryNotice.Stage?)] = [
      (30 * day, .far), (14 * day + 1, nil), (14 * day, .twoWeeks), (14 * day - 1, nil),
      (3 * day + 1, nil), (3 * day, .threeDays), (2 * day, nil), (day, .lastDay), (1, nil),
      (0, .over), (-1, nil), (-30 * day, nil),
    ]
    for (left, stage) in looks { #expect(notice.next(left: left) == stage, "\(left)") }
  }

  @Test func `a host that starts late, or whose clock jumps, is told where it stands`() {
    var late = ExpiryNotice()
    #expect(late.next(left: 2 * day) == .threeDays)
    #expect(late.next(left: -5) == .over)
    #expect(late.next(left: 20 * day) == nil)
  }
}
