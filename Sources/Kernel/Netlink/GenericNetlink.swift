import CNetlink
package import DataplaneModel
import Glibc

extension NetlinkSocket {
    /// This kernel's number of a generic netlink family, for which it may load a module; nil if it has
    /// no such family.
    ///
    /// The request is `genl_ctrl_resolve`'s, which takes every failure, also a full buffer or missing
    /// memory, for a missing family.
    ///
    /// - Throws: the error of `send` or `recv`, or the kernel's refusal for another reason.
    package mutating func genericFamily(_ name: String) throws(DataplaneError) -> UInt16? {
        var batch = NetlinkBatch()
        batch.begin(generic: UInt16(GENL_ID_CTRL), command: UInt8(CTRL_CMD_GETFAMILY))
        batch.attribute(CTRL_ATTR_FAMILY_NAME, name)
        do throws(DataplaneError) {
            return try request(&batch).lazy
                .compactMap { $0.attributes.attribute(CTRL_ATTR_FAMILY_ID)?.number(UInt16.self) }
                .first
        } catch {
            guard error.errno == ENOENT else { throw error }
            return nil
        }
    }
}
