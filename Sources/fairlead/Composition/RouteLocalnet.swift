import DataplaneModel
import LinuxKernel

/// The sysctl that lets packets with 127.0.0.0/8 addresses leave the loopback interface, which
/// node ports on localhost need.
enum RouteLocalnet {
    private static let name = "net.ipv4.conf.all.route_localnet"

    /// Sets it if it is not set. To be called when the guard rule stands.
    static func enable() throws(DataplaneError) {
        guard try Sysctl.read(name) != "1" else { return }
        try Sysctl.write("1", to: name)
    }
}
