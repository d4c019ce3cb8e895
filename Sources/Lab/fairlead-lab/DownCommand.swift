import ArgumentParser
import LabCluster
import NamespaceLab

struct DownCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down",
        abstract: "Remove a lab, with everything that runs in it.",
        discussion: """
            Removes all namespaces with the lab's prefix, also those that a crash left, and nothing \
            else.
            """
    )

    @OptionGroup var lab: LabNameArgument

    func run() throws {
        let found = try LabCluster.down(lab.name)
        if found.isEmpty {
            let others = LabBuilder.labs()
            print(
                others.isEmpty
                    ? "there is no lab"
                    : "there is no lab \(lab.name), but \(others.joined(separator: " "))"
            )
        } else {
            print("lab \(lab.name): \(found.filter { $0 != "files" }.count) namespaces removed")
        }
    }
}
