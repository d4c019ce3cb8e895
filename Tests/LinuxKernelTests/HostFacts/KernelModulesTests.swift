import Glibc
import Testing

@testable import HostFacts

@Suite("KernelModules")
struct KernelModulesTests {
    @Test("Names are found in modprobe's database, compressed or not, with underscores")
    func names() {
        let text = """
            kernel/net/netfilter/ipvs/ip_vs_wrr.ko.xz: kernel/net/netfilter/ipvs/ip_vs.ko.xz
            kernel/net/netfilter/ipvs/ip_vs.ko: kernel/net/netfilter/nf_conntrack.ko
            kernel/drivers/net/some-dummy.ko.zst:
            """
        #expect(KernelModules.names(in: text) == ["ip_vs_wrr", "ip_vs", "some_dummy"])
    }

    @Test("A module is built in, loadable, absent, or unknown without a database")
    func states() throws {
        var template = Array("\(TestDirectory.path)/modules-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Program.Failure(description: "mkdtemp: \(errno)")
        }
        let root = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { _ = try? Program.check(["rm", "-r", root]) }
        mkdir("\(root)/9.9", 0o755)
        try write("kernel/built.ko\n", to: "\(root)/9.9/modules.builtin")
        try write("kernel/extra.ko:\n", to: "\(root)/9.9/modules.dep")
        let modules = KernelModules(release: "9.9", root: root)
        #expect(modules.state("built") == .present)
        #expect(modules.state("extra") == .loadable)
        #expect(modules.state("nosuch") == .absent)
        #expect(KernelModules(release: "9.8", root: root).state("nosuch") == .unknown)
    }

    private func write(_ text: String, to path: String) throws {
        try Program.check(["tee", path], input: text)
    }
}
