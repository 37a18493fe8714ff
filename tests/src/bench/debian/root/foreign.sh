# "$1" is a Debian in which the packages' scripts have run, with the programs of the build machine's processor. Puts those of another
# one in their place: all files of $archive but the settings. Its kernel $kernel gets an initrd in $out that runs $init, and
# $device_tree beside it.
set -eu
foreign=$1/foreign
mkdir "$foreign"
tar -C "$foreign" --numeric-owner --exclude='./dev/*' -xpf "$archive"
chroot "$1" depmod -b /foreign "$kernel"

initrd=$1/initrd
mkdir -p "$initrd/bin" "$initrd/dev" "$initrd/modules" "$initrd/proc" "$initrd/root" "$initrd/sys"
cp "$foreign/usr/bin/busybox" "$initrd/bin/"
printf '%s' "$init" >"$initrd/init"
chmod 755 "$initrd/init"
# Of the virtual machine, and of the Raspberry Pi with its device tree.
for module in virtio_pci virtio_blk sdhci-iproc bcm2835 crc32c_generic ext4; do
	chroot "$1" modprobe -d /foreign -S "$kernel" --show-depends "$module"
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r path; do
	name=$(basename "$path" .xz)
	xz -dc "$1$path" >"$initrd/modules/$name"
	echo "$name" >>"$initrd/modules/order"
done
# The pipe hides what failed inside it.
test -s "$initrd/modules/virtio_blk.ko"
test -s "$initrd/modules/ext4.ko"
test -s "$initrd/modules/bcm2835.ko"
(cd "$initrd" && find . | cpio --quiet -o -H newc) >"$out/initrd.img-$kernel"
cp "$foreign/usr/lib/linux-image-$kernel/broadcom/$device_tree" "$out/"

rm -rf "$initrd" "$1/usr/lib/x86_64-linux-gnu" "$1/usr/lib64" "$1/lib64" "$1/etc/ld.so.cache"
cp -a --remove-destination "$foreign/usr" "$foreign/boot" "$1/"
rm -rf "$foreign"
