//! What is kept from pods for the kubelet and the container runtime.

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Millicores: 6 % of the first processor, 1 % of the second, 0.5 % of the third and fourth, 0.25 % of each further one
/// (amazon-eks-ami and eks-hybrid, `getCPUMillicoresToReserve`; they round down as well).
pub fn cpu_millicores(processors: u32) -> u64 {
    // Steps in 1/100 of a millicore.
    let steps = [(0, 1, 6000), (1, 2, 1000), (2, 4, 500), (4, u32::MAX, 250)];
    steps.iter().map(|(from, to, each)| u64::from(processors.clamp(*from, *to) - from) * each).sum::<u64>() / 100
}

/// Mebibytes on EC2: 255, and 11 for each pod (amazon-eks-ami, `getMemoryMebibytesToReserve`).
pub fn memory_for_pods(pods: u32) -> u64 {
    11 * u64::from(pods) + 255
}

/// Mebibytes outside EC2, of a machine of so many bytes: 255 below 1 GiB; else a quarter of the first 4 GiB, a fifth of the next 4,
/// a tenth of the next 8, 6 % of the next 112 and 2 % of the rest.
///
/// eks-hybrid, whose table this is, cuts the machine's memory down to whole GiB and rounds the result to whole GiB: it reserves
/// nothing on a machine of 1 GiB, and 1 GiB of one with 2.
pub fn memory_of_machine(bytes: u64) -> u64 {
    if bytes < GIB {
        return 255;
    }
    let steps = [(0, 4, 25), (4, 8, 20), (8, 16, 10), (16, 128, 6), (128, u64::MAX / GIB, 2)];
    let percents =
        steps.iter().map(|(from, to, percent)| u128::from(bytes.clamp(from * GIB, to * GIB) - from * GIB) * percent).sum::<u128>();
    u64::try_from(percents / 100 / u128::from(MIB)).expect("a part of a 64-bit number")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reserves_are_those_of_the_tables() {
        for (processors, millicores) in
            [(0, 0), (1, 60), (2, 70), (3, 75), (4, 80), (5, 82), (8, 90), (64, 230), (u32::MAX, 10_737_418_307)]
        {
            assert_eq!(cpu_millicores(processors), millicores, "{processors}");
        }
        for (pods, mebibytes) in [(1, 266), (44, 739), (58, 893), (60, 915), (110, 1465), (737, 8362)] {
            assert_eq!(memory_for_pods(pods), mebibytes, "{pods}");
        }
        for (gib, mebibytes) in [(0, 255), (1, 256), (2, 512), (4, 1024), (8, 1843), (16, 2662), (128, 9543), (256, 12165)] {
            assert_eq!(memory_of_machine(gib * GIB), mebibytes, "{gib} GiB");
        }
        assert_eq!(memory_of_machine(GIB - 1), 255);
        assert_eq!(memory_of_machine(3 * GIB / 2), 384);
    }

    proptest! {
        #[test]
        fn larger_machines_reserve_no_less(processors in 0u32..u32::MAX, bytes in 0..u64::MAX - GIB, more in 0..GIB, pods in 0u32..u32::MAX) {
            prop_assert!(cpu_millicores(processors) <= cpu_millicores(processors + 1));
            prop_assert!(memory_of_machine(bytes) <= memory_of_machine(bytes + more));
            prop_assert!(memory_for_pods(pods) < memory_for_pods(pods + 1));
        }

        #[test]
        fn reserves_leave_most_of_the_machine_to_pods(processors in 1u32..10_000, bytes in GIB..1 << 50) {
            prop_assert!(cpu_millicores(processors) <= 60 * u64::from(processors));
            prop_assert!(memory_of_machine(bytes) * MIB <= bytes / 4);
        }
    }
}
