import TestSupport
import Testing

/// A skeleton and a difference are one plan, and a change of either is seen.
@Suite("Plans as differences to a skeleton")
struct SkeletonDifferenceTests {
    private static let skeleton = """
        # Fairlead's rules for IPv4, mode nftables
        table ip fairlead {
        \tset dropped {
        \t\ttype ipv4_addr
        \t}

        \tset rejected {
        \t\ttype ipv4_addr
        \t}

        \tchain refuse {
        \t\tip daddr @rejected reject
        \t\tip daddr @dropped drop
        \t}
        }

        """

    private func plan(_ replacements: (String, String)...) -> String {
        replacements.reduce(Self.skeleton) { text, change in
            var text = text
            if let range = text.firstRange(of: change.0) {
                text.replaceSubrange(range, with: change.1)
            }
            return text
        }
    }

    private func difference(_ plan: String) throws -> String {
        let text = SkeletonDifference.text(of: plan, over: Self.skeleton)
        #expect(try SkeletonDifference.plan(text, over: Self.skeleton) == plan)
        return text
    }

    @Test("A plan that is the skeleton is one gap")
    func same() throws {
        #expect(try difference(Self.skeleton) == "...\n")
    }

    @Test("Own lines stand under the headings of their place, before the brace that closes it")
    func addition() throws {
        let rejected = "set rejected {\n\t\ttype ipv4_addr\n"
        let text = try difference(plan((rejected, rejected + "\t\telements = { 192.0.2.7 }\n")))
        #expect(
            text == """
                 # Fairlead's rules for IPv4, mode nftables
                ...
                 \tset rejected {
                ...
                +\t\telements = { 192.0.2.7 }
                 \t}
                ...

                """
        )
    }

    @Test("A line of the skeleton that a plan has otherwise is taken out and put in")
    func replacement() throws {
        let text = try difference(plan(("@dropped drop", "@dropped reject")))
        #expect(text.contains("...\n-\t\tip daddr @dropped drop\n+\t\tip daddr @dropped reject\n"))
    }

    @Test("A rule that changes in skeleton and plan alike leaves the difference as it is")
    func constantRule() {
        let rejected = "set rejected {\n\t\ttype ipv4_addr\n"
        let own = (rejected, rejected + "\t\telements = { 192.0.2.7 }\n")
        let changes = [
            ("@rejected reject", "@rejected counter reject"), ("set dropped", "set lost"),
            ("@dropped drop", "@dropped limit rate 5/second drop\n\t\treturn"),
        ]
        let text = SkeletonDifference.text(of: plan(own), over: Self.skeleton)
        for change in changes {
            let changed = SkeletonDifference.text(of: plan(own, change), over: plan(change))
            #expect(changed == text)
        }
    }

    @Test("Whatever is taken out of a plan or put in, its difference gives it again")
    func anyPlan() throws {
        let lines = Self.skeleton.split(separator: "\n", omittingEmptySubsequences: false)
        var random = SplitMix64(seed: 7)
        for _ in 0..<2_000 {
            var plan = Array(lines.dropLast())
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0...plan.count, using: &random)
                if place < plan.count, Bool.random(using: &random) {
                    plan.remove(at: place)
                } else {
                    plan.insert(lines.randomElement(using: &random) ?? "", at: place)
                }
            }
            _ = try difference(plan.map { $0 + "\n" }.joined())
        }
    }

    @Test(
        "A difference that does not fit the skeleton names its line",
        arguments: [
            ("...\n \tset nothing {\n...\n", "line 2: "), ("...\n+x\n...\n \t}\n", "line 3: "),
            (" \tset dropped {\n...\n", "line 1: "), ("x\n...\n", "line 1: "),
            (" # Fairlead's rules for IPv4, mode nftables\n", "line 1: ends at line 2"),
            ("...\n-\t\tno such rule\n...\n", "line 2: "),
        ]
    )
    func misfit(_ text: String, _ start: String) {
        let error = #expect(throws: SkeletonDifference.Misfit.self) {
            try SkeletonDifference.plan(text, over: Self.skeleton)
        }
        #expect(error?.description.hasPrefix(start) == true)
    }
}
