import DataplaneModel
import HostFacts
import TestSupport
import Testing

@Suite("A parameter whose file is kept open")
@KernelThread
struct KeptSysctlTests {
    @Test("Each read gives the present value, of the namespace of the first")
    func read() throws {
        let name = "net.ipv4.conf.all.route_localnet"
        try NetworkNamespace.enterNew()
        let kept = KeptSysctl(name)
        for value in ["0", "1", "0"] {
            try Sysctl.write(value, to: name)
            #expect(try kept.read() == value)
            #expect(try kept.read() == value)
        }
        try NetworkNamespace.enterNew()
        try Sysctl.write("1", to: name)
        #expect(try kept.read() == "0")
        #expect(try KeptSysctl(name).read() == "1")
    }

    @Test("Errors and long values are those of a single read")
    func errors() throws {
        let missing = KeptSysctl("net.ipv4.no_such_parameter")
        for _ in 0..<2 {
            #expect {
                try missing.read()
            } throws: {
                ($0 as? DataplaneError)?.kind == .notFound
            }
        }
        let name = "kernel.random.boot_id"
        #expect(try KeptSysctl(name).read() == Sysctl.read(name))
    }
}
