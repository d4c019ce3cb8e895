import Addressing

/// The files of one family below `SocketPlace.directory`. Their names are those of maps and programs.
struct PinDirectory: Sendable {
    let path: String
    let family: IPFamily

    init(_ directory: String, _ family: IPFamily) {
        self.family = family
        path = "\(directory)/\(family == .ipv4 ? "ipv4" : "ipv6")"
    }

    var maps: String { "\(path)/maps" }
    var programs: String { "\(path)/programs" }
    var links: String { "\(path)/links" }

    func pin(of map: SocketMapName) -> String { "\(maps)/\(map.rawValue)" }
    func program(of hook: SocketHook) -> String { "\(programs)/\(hook.program)" }
    func link(of hook: SocketHook) -> String { "\(links)/\(hook.program)" }
}
