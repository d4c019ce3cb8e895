import DataplaneModel
import Testing

@testable import Planning

@Suite("GroupValue")
struct GroupValueTests {
    @Test("Number, kind and slots have bits of their own")
    func layout() {
        let balancer = Balancer(kind: .hashedAddressAndPort, slots: GroupValue.maximumSlots)
        let all = GroupValue(group: GroupValue.maximumNumber, balancer: balancer)
        #expect(all.rawValue == .max && all.number == GroupValue.maximumNumber)
        #expect(all.rawValue & GroupValue.balancerMask == balancer.rawValue)
        #expect(
            all.rawValue & GroupValue.numberMask
                == GroupValue(group: GroupValue.maximumNumber).rawValue
        )
        let endpoint = GroupValue(group: 5, endpoint: GroupValue.maximumEndpoint)
        #expect(endpoint.rawValue == 0x17fff && endpoint.number == 5)
        #expect(
            GroupValue(group: 3, balancer: Balancer(kind: .roundRobin, slots: 2)).rawValue == 0xd002
        )
    }
}
