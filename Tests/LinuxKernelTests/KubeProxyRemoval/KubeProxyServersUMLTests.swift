import Addressing
import DataplaneModel
import KubeProxyRemoval
import Testing

@Suite("kube-proxy's virtual servers", .enabled(if: isUML))
@KernelThread
struct KubeProxyServersUMLTests {
    @Test(
        "Virtual servers on kube-ipvs0's addresses and at node ports go; foreign ones and our own stay"
    )
    func removal() throws {
        let fixture = try IPVSFixture(.ipv4)
        try fixture.apply([fixture.server(fixture.frontend(1), [1])])
        try Program.check(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"])
        // keepalived's: on the node's own address, and on one that is not kube-proxy's.
        try fixture.ipvsadm("-A -t 192.0.2.1:443 -s rr")
        try fixture.ipvsadm("-A -t 198.51.100.7:80 -s wlc")
        try fixture.ipvsadm("-A -f 7 -s rr")
        let before = try fixture.ipvsadm("-Sn")
        let links = try Program.check(["ip", "-o", "link"])
        // kube-proxy's link is down.
        try Program.check(["ip", "link", "add", "kube-ipvs0", "type", "dummy"])
        for address in ["10.97.0.1/32", "10.97.0.2/32", "fd00:97::1/128"] {
            try Program.check(["ip", "address", "add", address, "dev", "kube-ipvs0"])
        }
        try fixture.ipvsadm("-A -t 10.97.0.1:80 -s rr")
        try fixture.ipvsadm("-a -t 10.97.0.1:80 -r 10.180.0.11:8080 -m")
        try fixture.ipvsadm("-A -u 10.97.0.2:53 -s rr")
        try fixture.ipvsadm("-A -t 192.0.2.1:30080 -s rr")
        try Program.check(
            ["ipset", "restore"],
            input: KubeProxyLayout(family: .ipv4).sets + "add KUBE-NODE-PORT-TCP 30080\n"
        )
        let first = try KubeProxyRules(.ipv4)
        #expect(first.descriptions.contains("IPVS: virtual server 192.0.2.1:30080/tcp"))
        #expect(first.remove().failures == [])
        #expect(try fixture.ipvsadm("-Sn") == before)
        // IPv6 has an address on it yet.
        #expect(try Program.check(["ip", "-o", "link"]).contains("kube-ipvs0"))
        #expect(try KubeProxyRules(.ipv6).remove().failures == [])
        #expect(
            try Program.check(["ip", "-o", "link"]).split(separator: "\n").count
                == links.split(separator: "\n").count
        )
        for family in IPFamily.allCases {
            #expect(try KubeProxyRules(family).descriptions == [])
        }
        #expect(try Program.check(["ipset", "list", "-n"]) == "")
    }

    @Test("A link of that name that is not a dummy link is foreign")
    func foreignLink() throws {
        let fixture = try IPVSFixture(.ipv4)
        try Program.check(["ip", "link", "add", "kube-ipvs0", "type", "bridge"])
        try Program.check(["ip", "address", "add", "10.97.0.1/32", "dev", "kube-ipvs0"])
        try fixture.ipvsadm("-A -t 10.97.0.1:80 -s rr")
        let rules = try KubeProxyRules(.ipv4)
        #expect(rules.descriptions == [])
        #expect(rules.remove() == ApplyReport())
    }
}
