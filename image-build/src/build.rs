//! The whole build: what is independent runs at once, what depends on it afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{ScopedJoinHandle, scope};

use anyhow::{Context as _, Result, anyhow};

use crate::cache::Key;
use crate::context::Context;
use crate::debian;
use crate::grub;
use crate::initrd;
use crate::iso;
use crate::kernel::{self, Kernel};
use crate::kubernetes;
use crate::oci;
use crate::overlay;
use crate::packages;
use crate::programs::{self, Programs};
use crate::release::{Manifest, checksums, sha256};
use crate::sbom;
use crate::squashfs;
use crate::tools::{self, Tools};
use crate::tree::{Tree, from_directory};
use crate::userland;

/// What the artefacts are put together from.
struct Parts {
    tools: Tools,
    kernel: Kernel,
    userland: PathBuf,
    kubernetes: PathBuf,
    programs: Programs,
}

/// Builds every artefact into the output directory.
pub fn build(ctx: &Context) -> Result<()> {
    fs::create_dir_all(&ctx.output)
        .with_context(|| format!("creating {}", ctx.output.display()))?;
    let scratch = tempfile::Builder::new()
        .prefix(".build-")
        .tempdir_in(&ctx.output)
        .context("making a scratch directory")?;
    let parts = gather(ctx, scratch.path())?;
    let usr = usr(ctx, &parts)?;
    let made = pack(ctx, &parts, &usr, scratch.path())?;
    publish(ctx, scratch.path(), &made)?;
    ctx.progress.say(
        "image",
        &format!(
            "{} artefacts in {} after {:.1} s",
            made.len() + 1,
            ctx.output.display(),
            ctx.progress.total()
        ),
    );
    Ok(())
}

/// Debian, kernel, Kubernetes and our programs do not need one another.
fn gather(ctx: &Context, scratch: &Path) -> Result<Parts> {
    scope(|scope| {
        let kernel = scope.spawn(|| -> Result<(Tools, Kernel)> {
            let tools = tools::prepare(ctx)?;
            let kernel = kernel::prepare(ctx, &tools)?;
            Ok((tools, kernel))
        });
        let userland =
            scope.spawn(|| debian::fetch(ctx, "debian", packages::USERLAND, ctx.arch.name()));
        let kubernetes = scope.spawn(|| kubernetes::build(ctx));
        let programs = scope.spawn(|| programs::build(ctx, scratch));
        let (tools, kernel) = joined(kernel)?;
        Ok(Parts {
            tools,
            kernel,
            userland: joined(userland)?,
            kubernetes: joined(kubernetes)?,
            programs: joined(programs)?,
        })
    })
}

fn joined<T>(thread: ScopedJoinHandle<Result<T>>) -> Result<T> {
    thread
        .join()
        .unwrap_or_else(|_| Err(anyhow!("a step of the build panicked")))
}

/// Contents of /usr: later parts win over earlier ones.
fn usr(ctx: &Context, parts: &Parts) -> Result<Tree> {
    let root = crate::archive::read_tar(&parts.userland.join(debian::ARCHIVE))?;
    let mut usr = userland::usr_of(root, &ctx.release)?;
    usr.merge(parts.kernel.modules()?);
    for (name, target) in kubernetes::RESULTS {
        usr.host_file(
            &format!("libexec/{target}"),
            0o755,
            &parts.kubernetes.join(name),
        )?;
    }
    programs(&mut usr, &parts.programs)?;
    usr.merge(from_directory(&ctx.repo.join("overlay/usr"))?);
    userland::set_modes(&mut usr);
    let image = oci::contents(
        &parts.programs.path("pause"),
        &usr.read("etc/ssl/certs/ca-certificates.crt")?,
    )?;
    usr.file(
        "share/k3os/images/system.tar",
        0o644,
        oci::archive(&image, ctx.arch, &ctx.release, ctx.epoch)?,
    );
    Ok(usr)
}

/// Our programs and their other names.
fn programs(usr: &mut Tree, programs: &Programs) -> Result<()> {
    usr.host_file("bin/k3os", 0o755, &programs.path("k3os"))?;
    usr.host_file("bin/k3s", 0o755, &programs.path("k3s"))?;
    for name in ["init", "reboot", "poweroff", "halt", "shutdown"] {
        usr.link(&format!("sbin/{name}"), "../bin/k3os");
    }
    usr.link("bin/systemctl", "k3os");
    for name in ["kubectl", "crictl", "ctr"] {
        usr.link(&format!("bin/{name}"), "k3s");
    }
    Ok(())
}

/// Writes the artefacts into the scratch directory; gives their names.
fn pack(ctx: &Context, parts: &Parts, usr: &Tree, scratch: &Path) -> Result<Vec<String>> {
    let arch = ctx.arch.name();
    let at = |name: &str| scratch.join(name);
    let names = [
        format!("k3os-vmlinuz-{arch}"),
        format!("k3os-initrd-{arch}"),
        format!("k3os-{arch}.squashfs"),
        "manifest.json".to_owned(),
    ];
    let [vmlinuz, initrd, rootfs, manifest] = names.each_ref().map(|name| at(name));
    fs::copy(parts.kernel.vmlinuz(), &vmlinuz).context("copying the kernel")?;
    ctx.progress.timed("squashfs", || {
        squashfs::write(ctx, &parts.tools, "squashfs", usr, &rootfs)
    })?;
    ctx.progress
        .timed("initrd", || write_initrd(ctx, parts, &rootfs, &initrd))?;
    let kubernetes = kubernetes::kubernetes_version(ctx)?;
    let mut files = vec![
        ("vmlinuz".to_owned(), vmlinuz),
        ("initrd".to_owned(), initrd),
        ("rootfs.squashfs".to_owned(), rootfs),
    ];
    files.extend(grub::disk_images(ctx, &parts.tools, &at("grub"))?);
    let text = Manifest::of(&ctx.release, &parts.kernel.version, &kubernetes, &files)?.text()?;
    fs::write(&manifest, text).context("writing the manifest")?;
    files.push(("manifest.json".to_owned(), manifest));
    let medium = format!("k3os-{arch}.iso");
    ctx.progress.timed("iso", || {
        iso::write(ctx, &parts.tools, &files, scratch, &at(&medium))
    })?;
    let mut made = names.to_vec();
    made.push(medium);
    made.push(kernel_squashfs(ctx, parts, scratch)?);
    made.push(overlay::write(
        ctx,
        &files,
        &parts.programs.path("k3os"),
        scratch,
    )?);
    made.push(bill_of_materials(ctx, parts, scratch)?);
    made.push(command(ctx, parts, scratch)?);
    Ok(made)
}

fn write_initrd(ctx: &Context, parts: &Parts, rootfs: &Path, target: &Path) -> Result<()> {
    let init = parts.programs.path(programs::FIRST_STAGE);
    let tree = initrd::tree(
        ctx.arch,
        &parts.kernel,
        &init,
        &ctx.release,
        &sha256(rootfs)?,
    )?;
    fs::write(target, initrd::pack(ctx, &tree)?).context("writing the initrd")
}

/// The kernel with its modules, as k3OS published it.
fn kernel_squashfs(ctx: &Context, parts: &Parts, scratch: &Path) -> Result<String> {
    let name = format!("k3os-kernel-{}.squashfs", ctx.arch.name());
    let key = Key::new("kernel-squashfs")
        .with(parts.kernel.identity().as_bytes())
        .with(include_str!("squashfs.rs"))
        .with(ctx.epoch.to_le_bytes())
        .with(format!("{:?}", ctx.compression));
    let kept = ctx
        .cache
        .step(&ctx.progress, "kernel-squashfs", key, |directory| {
            let mut tree = parts.kernel.modules()?;
            tree.host_file("vmlinuz", 0o644, &parts.kernel.vmlinuz())?;
            squashfs::write(
                ctx,
                &parts.tools,
                "kernel-squashfs",
                &tree,
                &directory.join(&name),
            )
        })?;
    fs::copy(kept.join(&name), scratch.join(&name)).context("copying the kernel's squashfs")?;
    Ok(name)
}

/// The program `k3os` for other Linux systems: it is static, and makes ISOs and installs there too.
fn command(ctx: &Context, parts: &Parts, scratch: &Path) -> Result<String> {
    let name = format!("k3os-{}", ctx.arch.name());
    fs::copy(parts.programs.path("k3os"), scratch.join(&name))
        .context("copying the program k3os")?;
    Ok(name)
}

/// Everything in the image that others wrote, with versions.
fn bill_of_materials(ctx: &Context, parts: &Parts, scratch: &Path) -> Result<String> {
    let name = format!("k3os-{}.cdx.json", ctx.arch.name());
    ctx.progress.timed("sbom", || {
        let read = |path: &Path| {
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
        };
        let mut components = sbom::debian(&read(&parts.userland.join(debian::LIST))?, |_| true);
        components.extend(sbom::debian(&read(&parts.kernel.packages)?, |name| {
            name.starts_with("linux-image-") || packages::INITRD_PROGRAMS.contains(&name)
        }));
        for list in &parts.tools.packages {
            components.extend(sbom::debian(&read(list)?, |name| {
                packages::BOOT_CODE.contains(&name)
            }));
        }
        for (program, _) in kubernetes::RESULTS {
            components.extend(sbom::go_modules(&kubernetes::build_info(
                &parts.kubernetes.join(program),
            )?));
        }
        components.extend(sbom::crates(&programs::metadata(ctx)?, programs::PACKAGES)?);
        fs::write(
            scratch.join(&name),
            sbom::document(&ctx.release, components)?,
        )
        .with_context(|| format!("writing {name}"))
    })?;
    Ok(name)
}

/// Moves the artefacts to their place once all are there, so that a broken build leaves the old ones.
fn publish(ctx: &Context, scratch: &Path, made: &[String]) -> Result<()> {
    for name in made {
        fs::rename(scratch.join(name), ctx.output.join(name))
            .with_context(|| format!("moving {name} into place"))?;
    }
    let sums = format!("sha256sum-{}.txt", ctx.arch.name());
    ctx.progress.timed("checksums", || {
        fs::write(ctx.output.join(&sums), checksums(&ctx.output, made)?)
            .with_context(|| format!("writing {sums}"))
    })
}
