import CIPSet

/// A request of the ipset protocol, with its name in C for errors.
struct IPSetCommand: Equatable {
    let command: ipset_cmd
    let name: String

    private init(_ command: ipset_cmd, _ name: String) {
        self.command = command
        self.name = name
    }

    var number: UInt16 { UInt16(command.rawValue) }

    static let protocolVersion = IPSetCommand(IPSET_CMD_PROTOCOL, "IPSET_CMD_PROTOCOL")
    static let header = IPSetCommand(IPSET_CMD_HEADER, "IPSET_CMD_HEADER")
    static let type = IPSetCommand(IPSET_CMD_TYPE, "IPSET_CMD_TYPE")
    static let list = IPSetCommand(IPSET_CMD_LIST, "IPSET_CMD_LIST")
    static let create = IPSetCommand(IPSET_CMD_CREATE, "IPSET_CMD_CREATE")
    static let add = IPSetCommand(IPSET_CMD_ADD, "IPSET_CMD_ADD")
    static let delete = IPSetCommand(IPSET_CMD_DEL, "IPSET_CMD_DEL")
    static let swap = IPSetCommand(IPSET_CMD_SWAP, "IPSET_CMD_SWAP")
    static let rename = IPSetCommand(IPSET_CMD_RENAME, "IPSET_CMD_RENAME")
    static let destroy = IPSetCommand(IPSET_CMD_DESTROY, "IPSET_CMD_DESTROY")
}
