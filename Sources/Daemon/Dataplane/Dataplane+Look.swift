package import DataplaneModel

/// What the dataplane's periodic look at the kernel found.
package struct DataplaneLook: Sendable {
    /// Why due work could not be done.
    package var dueWorkError: DataplaneError?
    /// Why drift could not be looked for.
    package var driftError: DataplaneError?
    package var hasDrifted = false
    /// The node's addresses changed, and with them the plan.
    package var addressesChanged = false
}

extension Dataplane {
    /// Does the work that has become due, and looks for drift and for changed addresses of the node: all in
    /// one call, because each is two changes of threads.
    package func look() -> DataplaneLook {
        var look = DataplaneLook()
        do throws(DataplaneError) {
            try attend()
        } catch {
            look.dueWorkError = error
        }
        do throws(DataplaneError) {
            look.hasDrifted = try hasDrifted()
        } catch {
            look.driftError = error
        }
        look.addressesChanged = addressesChanged()
        return look
    }
}
