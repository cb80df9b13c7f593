// How descriptors are shared out: the shares fit into what there is, and nobody's share is nothing.

import HTTP
import Testing

@testable import Hosting

struct DescriptorBudgetTests {
  @Test(arguments: [256, 512, 1_024, 4_096, 20_000, 65_536])
  func `all doors full leave the store and the workers what they need`(limit: Int) {
    let budget = DescriptorBudget(limit: limit)
    let doors = [budget.functionDoor, budget.controlDoor, budget.localDoor]
    #expect(doors.reduce(0) { $0 + $1.connectionsMax } <= limit - 128)
    for door in doors {
      #expect(door.connectionsMax >= 8)
      #expect(door.connectionsPerAddressMax <= door.connectionsMax)
    }
  }

  @Test func `with plenty of descriptors the doors have the limits of the table`() {
    let budget = DescriptorBudget(limit: 65_536)
    #expect(budget.functionDoor.connectionsMax == 10_000)
    #expect(budget.functionDoor.connectionsPerAddressMax == 4_096)
    #expect(budget.controlDoor.connectionsMax == 4_096)
    #expect(budget.localDoor.connectionsMax == 512)
  }

  @Test func `with next to none each door still has a few`() {
    let budget = DescriptorBudget(limit: 64)
    #expect(budget.functionDoor.connectionsMax == 16)
    #expect(budget.controlDoor.connectionsMax == 16)
    #expect(budget.localDoor.connectionsMax == 8)
  }

  @Test func `the limit that is found is one that the process has`() {
    let raised = DescriptorBudget.raised()
    #expect(raised.limit > 0)
    #expect(DescriptorBudget.raised() == raised)
  }
}
