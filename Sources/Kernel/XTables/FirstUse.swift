import Glibc

/// The first use of a legacy table in a network namespace, which makes it.
///
/// Of two programs that do this at the same moment the kernel refuses one with `EEXIST`, as the other has registered the
/// table since it looked (`xt_find_table_lock` of net/netfilter/x_tables.c). The table is there then.
enum FirstUse {
    /// Calls `call`, which returns 0 or the error number, again if that is `EEXIST`, up to three times in all.
    static func attempt(_ call: () -> Int32) -> Int32 {
        for _ in 0..<2 {
            let failure = call()
            if failure != EEXIST { return failure }
        }
        return call()
    }
}
