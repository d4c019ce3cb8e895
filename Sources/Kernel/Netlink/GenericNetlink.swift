import CNetlink
package import DataplaneModel
import Glibc

extension NetlinkBatch {
    /// Begins a message of a generic netlink family (`struct genlmsghdr`).
    package mutating func begin(
        generic family: UInt16,
        command: UInt8,
        version: UInt8 = 1,
        flags: UInt16 = 0
    ) {
        begin(family, flags: flags)
        append(command)
        append(version)
        append(UInt16(0))
    }
}

extension NetlinkSocket {
    /// This kernel's number of a generic netlink family, for which it may load a module; nil if it has
    /// no such family. The request is `CTRL_CMD_GETFAMILY`.
    package mutating func genericFamily(_ name: String) throws(DataplaneError) -> UInt16? {
        var batch = NetlinkBatch()
        batch.begin(generic: UInt16(GENL_ID_CTRL), command: UInt8(CTRL_CMD_GETFAMILY))
        batch.attribute(CTRL_ATTR_FAMILY_NAME, name)
        do throws(DataplaneError) {
            let answers = try request(&batch)
            return answers.first?.attributes.attribute(CTRL_ATTR_FAMILY_ID)?
                .number(UInt16.self)
        } catch {
            guard error.errno == ENOENT else { throw error }
            return nil
        }
    }
}
